import NumberFormats
import Plans
import Reports
import Runtime

/// Samples of the machine's speed, taken throughout a run, so that they include the effect of other work on it.
struct BenchProbe {
    let threads: Int
    /// The size of the buffer that the bandwidth probe reads.
    let bytes: Int
    private(set) var bandwidths: [Double] = []
    private(set) var peaks: [ElementType: [Double]] = [:]

    private static let passes = 3

    enum Size: Int {
        /// For a short run: larger than most caches.
        case quick = 0x400_0000  // 64 MiB
        /// Several times as large as most caches; probing takes a quarter of a second, including the allocation.
        case middle = 0x1000_0000  // 256 MiB
        /// Many times as large as any cache.
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
