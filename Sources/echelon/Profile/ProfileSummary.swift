import Plans
import Reports
import Runtime

extension ProfileReport {
    /// Summarizes a recording.
    init(
        _ recorder: ExecutionRecorder, of model: PlanModel, named name: String, generation: Generated?,
        _ costs: InstructionCosts, _ probe: BenchProbe
    ) {
        let plan = model.plan
        let profile = ExecutionProfile(recorder, of: plan)
        let sums = ProfileSums(recorder, plan, costs)
        func ratio(_ part: Double, _ whole: Double) -> Double { whole > 0 ? part / whole : 0 }

        let wall = Double((recorder.calls.last?.end ?? 0) - (recorder.calls.first?.start ?? 0)) / 1e6
        let inCalls = recorder.calls.map { Double($0.end - $0.start) }.reduce(0, +) / 1e6
        let calls = sums.functions.map { index, function in
            Calls(
                name: plan.contents.schedule.functions[index].label, count: function.count,
                minRows: function.minRows, maxRows: function.maxRows, ms: function.ms,
                share: ratio(function.ms, wall), floorMs: function.floorMs,
                floorShare: ratio(function.floorMs, function.ms))
        }
        let kinds = profile.kinds.map { kind in
            let cost = sums.kinds[kind.opcode] ?? InstructionCosts.Cost(bytes: 0, floorMs: 0)
            return Kind(
                kind: kind.opcode, count: kind.executions, ms: kind.seconds * 1e3,
                share: ratio(kind.seconds, profile.seconds), bytes: cost.bytes,
                gbS: ratio(Double(cost.bytes) / 1e9, kind.seconds), floorMs: cost.floorMs,
                floorShare: ratio(cost.floorMs, kind.seconds * 1e3))
        }
        self.init(
            probe: probe.report(plan, instructionSet: model.instructionSet), model: .init(model, named: name),
            generation: generation, wallMs: wall, betweenCallsMs: wall - inCalls,
            calls: calls.sorted { ($0.ms, $0.name) > ($1.ms, $1.name) }, tapeMs: profile.seconds * 1e3, kinds: kinds,
            barriers: Barriers(
                count: profile.barriers, ms: profile.barrierSeconds * 1e3,
                share: ratio(profile.barrierSeconds, profile.seconds)),
            events: sums.events, droppedEvents: recorder.dropped)
    }
}

/// The sums over the events of a recording.
private struct ProfileSums {
    struct Function {
        var count = 0
        var minRows = Int.max
        var maxRows = 0
        var ms = 0.0
        var floorMs = 0.0
    }
    /// The calls of each tape, by its index in the schedule.
    var functions: [Int: Function] = [:]
    var kinds: [String: InstructionCosts.Cost] = [:]
    var events = 0

    init(_ recorder: ExecutionRecorder, _ plan: Plan, _ costs: InstructionCosts) {
        for call in recorder.calls {
            let instructions = plan.contents.schedule.functions[call.function].instructions
            let costs = costs.costs(of: call)
            var function = functions[call.function] ?? Function()
            function.count += 1
            function.minRows = min(function.minRows, call.rows)
            function.maxRows = max(function.maxRows, call.rows)
            function.ms += Double(call.end - call.start) / 1e6
            // All threads share an instruction, so its cost counts once.
            let executions = recorder.executions(of: call, instructions: instructions.count)
            for (number, count) in executions.enumerated() where count > 0 {
                kinds[instructions[number].opcode.name, default: .init(bytes: 0, floorMs: 0)]
                    .add(costs[number], times: count)
                function.floorMs += Double(count) * costs[number].floorMs
            }
            functions[call.function] = function
            events += (0..<call.threads).map { recorder.events(of: call, thread: $0).count }.reduce(0, +)
        }
    }
}

extension InstructionCosts.Cost {
    fileprivate mutating func add(_ other: Self, times count: Int) {
        bytes += count * other.bytes
        floorMs += Double(count) * other.floorMs
    }
}
