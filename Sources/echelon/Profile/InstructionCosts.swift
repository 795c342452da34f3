import Plans
import Runtime

/// The bytes that the instructions of recorded calls have to read and write, and the minimum time that they take.
struct InstructionCosts {
    /// The cost of one execution.
    struct Cost {
        var bytes: Int
        /// The larger of the bytes over the probed bandwidth and the operations over the probed peak.
        var floorMs: Double
    }

    private let model: PlanModel
    private let probe: BenchProbe

    init(_ model: PlanModel, _ probe: BenchProbe) {
        self.model = model
        self.probe = probe
    }

    /// The costs of the instructions of the call's tape, for consecutive rows of one sequence.
    func costs(of call: ExecutionRecorder.Call) -> [Cost] {
        let schedule = model.plan.contents.schedule
        return schedule.functions[call.function].instructions.map { instruction in
            let cost = TapeCost(
                of: instruction, in: schedule, rows: call.rows, context: call.context,
                entryBytes: model.cacheFormat.entryBytes)
            return Cost(
                bytes: cost.bytes, floorMs: probe.floorMs(bytes: cost.bytes, operations: cost.operations))
        }
    }
}
