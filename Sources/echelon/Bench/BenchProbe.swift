import NumberFormats
import Plans
import Reports
import Runtime

/// Samples of what the machine can do, taken throughout a run, so that what it lends to others meanwhile is in them.
struct BenchProbe {
    let threads: Int
    /// The buffer that reading is probed with.
    let bytes: Int
    private(set) var bandwidths: [Double] = []
    private(set) var peaks: [ElementType: [Double]] = [:]

    private static let passes = 3

    enum Size: Int {
        /// For a glance: larger than most caches.
        case quick = 0x400_0000  // 64 MiB
        /// Several times most caches, in a quarter of a second with what the system takes to find the memory.
        case middle = 0x1000_0000  // 256 MiB
        /// Many times any cache.
        case whole = 0x4000_0000  // 1 GiB
    }

    init(threads: Int, size: Size) {
        self.threads = threads
        bytes = size.rawValue
    }

    mutating func sample() throws {
        bandwidths.append(try MachineProbe.readBandwidth(bytes: bytes, threads: threads, repeats: Self.passes))
        for product in MachineProbe.products {
            peaks[product, default: []].append(
                try MachineProbe.peak(product, threads: threads, repeats: Self.passes))
        }
    }

    func bandwidth() -> Double { median(bandwidths) }

    func peak(_ product: ElementType) -> Double { median(peaks[product] ?? []) }

    /// The peak of the products that kernels for weights of a format compute.
    private func peak(ofWeights format: ElementType) -> Double { peak(format.weights?.product ?? format) }

    /// The larger of the two floors, in milliseconds.
    func floorMs(bytes: Int, operations: [ElementType: Double]) -> Double {
        let reading = Double(bytes) / (bandwidth() * 1e9)
        let multiplying = operations.map { $0.value / (peak(ofWeights: $0.key) * 1e12) }.reduce(0, +)
        return max(reading, multiplying) * 1e3
    }

    func report(_ plan: Plan, instructionSet: String) -> BenchReport.Probe {
        .init(
            readGbS: bandwidth(), readGbSLeast: bandwidths.min() ?? 0, readGbSMost: bandwidths.max() ?? 0,
            peakTflops: peak(ofWeights: plan.contents.settings.weights),
            peaks: MachineProbe.products.map { .init(product: $0.rawValue, tflops: peak($0)) },
            threads: threads, instructionSet: instructionSet)
    }
}
