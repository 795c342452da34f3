import Plans
import Runtime

/// What the instructions of recorded calls cannot do without, and how long the machine takes for that at least.
struct InstructionCosts {
    /// Of one execution.
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

    /// One for each instruction of the call's tape. The call's rows are consecutive ones of one sequence.
    func costs(of call: ExecutionRecorder.Call) -> [Cost] {
        let schedule = model.plan.contents.schedule
        return schedule.functions[call.function].instructions.map { instruction in
            let cost = TapeCost(
                of: instruction, in: schedule, rows: call.rows, context: call.context,
                cacheElementBytes: model.cacheFormat.bytesPerElement)
            return Cost(
                bytes: cost.bytes, floorMs: probe.floorMs(bytes: cost.bytes, operations: cost.operations))
        }
    }
}
