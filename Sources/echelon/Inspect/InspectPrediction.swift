import Inspection
import NumberFormats
import Plans
import Runtime

/// A prediction of the time that a call takes on this machine. An instruction takes the larger of its bytes over the
/// probed bandwidth and its operations over the probed peak, plus the overhead of the tape.
struct InspectPrediction {
    private let schedule: Schedule
    private let call: InspectCall
    private var probe: BenchProbe
    private let overhead: TapeOverhead

    /// Measures the machine, which takes a few seconds.
    init(_ plan: Plan, _ call: InspectCall, threads: Int) throws {
        schedule = plan.contents.schedule
        self.call = call
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
            rows: call.rows, context: call.context, threads: probe.threads, readGbS: probe.bandwidth(),
            peaks: MachineProbe.products.map { .init(product: $0.rawValue, tflops: probe.peak($0)) },
            instructionUs: overhead.instruction * 1e6, barrierUs: overhead.barrier * 1e6)
        return inspection
    }

    private func milliseconds(_ function: ScheduledFunction, recurrences: Int) -> Double {
        let cacheFormat = CacheFormat(for: schedule)
        var total = 0.0
        for (instruction, count) in zip(function.instructions, function.executions(recurrences: recurrences)) {
            let cost = TapeCost(
                of: instruction, in: schedule, rows: call.rows, context: call.context,
                entryBytes: cacheFormat.entryBytes)
            let floor = probe.floorMs(bytes: cost.bytes, operations: cost.operations)
            let own = Double(cost.instructions) * overhead.instruction + Double(cost.barriers) * overhead.barrier
            total += Double(count) * (floor + own * 1e3)
        }
        return total
    }
}
