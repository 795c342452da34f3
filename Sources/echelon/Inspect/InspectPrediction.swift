import Inspection
import NumberFormats
import Plans
import Runtime

/// A prediction of the time that a call takes on this machine. An instruction takes the larger of its bytes over the
/// probed bandwidth and its operations over the probed peak, plus the overhead of the tape.
struct InspectPrediction {
    private let schedule: Schedule
    private let rows: Int
    /// Positions before the first row.
    private let context: Int
    private var probe: BenchProbe
    private let overhead: TapeOverhead

    private static let usualContext = 512

    /// Measures the machine, which takes a few seconds.
    /// - Parameters:
    ///   - context: The positions before the rows; nil for 512, or as many as fit.
    ///   - threads: nil for the default number.
    /// - Throws: ``CommandError`` if the plan does not allow such a call.
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
            throw CommandError("--threads is \(threads); it has to be from 1 to 1024.")
        }
        schedule = plan.contents.schedule
        self.rows = rows
        self.context = context ?? min(Self.usualContext, room)
        let threads = threads ?? defaultThreads
        probe = BenchProbe(threads: threads, size: .quick)
        try probe.sample()
        overhead = try TapeOverhead(measuredOn: Self.bare(plan), threads: threads, repeats: 5)
    }

    /// An empty plan. The overhead of a tape does not depend on the model, so it can be measured even if the inspected plan
    /// has no weights.
    private static func bare(_ plan: Plan) throws -> Plan {
        var contents = plan.contents
        contents.schedule = Schedule(weights: [], caches: [], functions: [])
        return try Plan.inMemory(contents, name: "nothing") { _, _ in }
    }

    /// The inspection with the predicted milliseconds of its functions.
    func added(to inspection: Inspection) -> Inspection {
        let tapes = Dictionary(schedule.functions.map { ($0.label, $0) }) { first, _ in first }
        var inspection = inspection
        for (index, function) in inspection.functions.enumerated() {
            inspection.functions[index].predictedMs = tapes[function.label].map {
                milliseconds($0, recurrences: function.recurrences)
            }
        }
        inspection.prediction = InspectedPrediction(
            rows: rows, context: context, threads: probe.threads, readGbS: probe.bandwidth(),
            peaks: MachineProbe.products.map { .init(product: $0.rawValue, tflops: probe.peak($0)) },
            instructionUs: overhead.instruction * 1e6, barrierUs: overhead.barrier * 1e6)
        return inspection
    }

    private func milliseconds(_ function: ScheduledFunction, recurrences: Int) -> Double {
        let cacheFormat = CacheFormat(for: schedule)
        var total = 0.0
        for (instruction, count) in zip(function.instructions, function.executions(recurrences: recurrences)) {
            let cost = TapeCost(
                of: instruction, in: schedule, rows: rows, context: context, entryBytes: cacheFormat.entryBytes)
            let floor = probe.floorMs(bytes: cost.bytes, operations: cost.operations)
            let own = Double(cost.instructions) * overhead.instruction + Double(cost.barriers) * overhead.barrier
            total += Double(count) * (floor + own * 1e3)
        }
        return total
    }
}
