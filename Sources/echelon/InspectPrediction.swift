import Plans
import Runtime

/// How long a call should take on this machine: each instruction the larger of what its bytes and its operations take
/// at the probed rates, and what the tape itself costs.
struct InspectPrediction {
    let rows: Int
    /// Positions before the first row.
    let context: Int
    private var probe: BenchProbe
    private let overhead: TapeOverhead?

    private static let usualContext = 512

    init(_ plan: Plan, rows: Int, context: Int?, threads: Int?) throws {
        let settings = plan.contents.settings
        guard rows <= settings.maxRows else {
            throw CommandError("--rows is \(rows); a call of this plan has at most \(settings.maxRows).")
        }
        let room = settings.context - rows
        if let context, context > room {
            throw CommandError("--context is \(context); with \(rows) rows there is room for \(room) positions.")
        }
        if let threads, !(1...1024).contains(threads) {
            throw CommandError("--threads is \(threads); 1 to 1024 can be had.")
        }
        self.rows = rows
        self.context = context ?? min(Self.usualContext, room)
        let threads = threads ?? defaultThreads
        probe = BenchProbe(threads: threads, size: .quick)
        try probe.sample()
        overhead = try? TapeOverhead(measuredOn: plan, threads: threads, repeats: 1)
    }

    /// What the numbers come from, in a line.
    var basis: String {
        let peaks = MachineProbe.Product.allCases.map { "\($0.rawValue) \(decimals(probe.peak($0), 3))" }
        let bandwidth = decimals(probe.bandwidth(), 1)
        return "Milliseconds predicted after \(context) positions, from \(bandwidth) GB/s read and "
            + "\(peaks.joined(separator: ", ")) TFLOP/s,\nmeasured now on \(probe.threads) threads."
    }

    func milliseconds(_ function: ScheduledFunction, _ schedule: Schedule, recurrences: Int) -> Double {
        var total = 0.0
        for (instruction, count) in zip(function.instructions, function.executions(recurrences: recurrences)) {
            let cost = TapeCost(of: instruction, in: schedule, rows: rows, context: context)
            var time = probe.floorMs(bytes: cost.bytes, operations: cost.operations)
            if let overhead {
                time += (Double(cost.instructions) * overhead.instruction + Double(cost.barriers) * overhead.barrier) * 1e3
            }
            total += Double(count) * time
        }
        return total
    }
}
