import Plans
import Runtime

/// What `profile --json` prints. A time of an instruction is that of a thread on average, so that shares add up to 1.
struct ProfileReport: Encodable {
    var probe: BenchReport.Probe
    var model: BenchReport.Model
    /// Absent where single calls were profiled.
    var generation: Generated?
    /// From the first call's start to the last one's end.
    var wallMs: Double
    /// Of `wallMs`, between calls: sampling, and what a sampler prepares.
    var betweenCallsMs: Double
    /// By function, the longest first.
    var calls: [Calls] = []
    /// Inside calls, from their first instruction to their last.
    var tapeMs: Double
    /// The longest first.
    var kinds: [Kind] = []
    /// Waiting for other threads between instructions and at the end of calls.
    var barriers: Barriers
    var events: Int
    /// Executions of instructions that exceeded the limit on events. They are in no other figure.
    var droppedEvents: Int

    struct Generated: Encodable {
        var sampler: SamplerKind
        var tokens: Int
        var tokensPerSecond: Double
    }

    /// All calls of one tape.
    struct Calls: Encodable {
        var name: String
        var count: Int
        var minRows: Int
        var maxRows: Int
        var ms: Double
        /// Of `wallMs`.
        var share: Double
        var floorMs: Double
        /// `floorMs` over `ms`.
        var floorShare: Double
    }

    /// All executions of one kind of instruction.
    struct Kind: Encodable {
        var kind: String
        var count: Int
        var ms: Double
        /// Of `tapeMs`.
        var share: Double
        var bytes: Int
        var gbS: Double
        var floorMs: Double
        /// `floorMs` over `ms`.
        var floorShare: Double
    }

    struct Barriers: Encodable {
        var count: Int
        var ms: Double
        var share: Double
    }

    init(
        _ recorder: ExecutionRecorder, of model: PlanModel, named name: String, generation: Generated?,
        _ costs: InstructionCosts, _ probe: BenchProbe
    ) {
        let plan = model.plan
        let profile = ExecutionProfile(recorder, of: plan)
        let sums = Sums(recorder, plan, costs)
        func ratio(_ part: Double, _ whole: Double) -> Double { whole > 0 ? part / whole : 0 }

        self.probe = probe.report(plan, instructionSet: model.instructionSet)
        self.model = .init(model, named: name)
        self.generation = generation
        let wall = Double((recorder.calls.last?.end ?? 0) - (recorder.calls.first?.start ?? 0)) / 1e6
        let inCalls = recorder.calls.map { Double($0.end - $0.start) }.reduce(0, +) / 1e6
        wallMs = wall
        betweenCallsMs = wall - inCalls
        calls = sums.functions.map { index, function in
            Calls(
                name: FunctionReport(plan.contents.schedule.functions[index]).label, count: function.count,
                minRows: function.minRows, maxRows: function.maxRows, ms: function.ms,
                share: ratio(function.ms, wall), floorMs: function.floorMs,
                floorShare: ratio(function.floorMs, function.ms))
        }
        .sorted { ($0.ms, $0.name) > ($1.ms, $1.name) }
        tapeMs = profile.seconds * 1e3
        kinds = profile.kinds.map { kind in
            let cost = sums.kinds[kind.opcode] ?? InstructionCosts.Cost(bytes: 0, floorMs: 0)
            return Kind(
                kind: kind.opcode, count: kind.executions, ms: kind.seconds * 1e3,
                share: ratio(kind.seconds, profile.seconds), bytes: cost.bytes,
                gbS: ratio(Double(cost.bytes) / 1e9, kind.seconds), floorMs: cost.floorMs,
                floorShare: ratio(cost.floorMs, kind.seconds * 1e3))
        }
        barriers = Barriers(
            count: profile.barriers, ms: profile.barrierSeconds * 1e3,
            share: ratio(profile.barrierSeconds, profile.seconds))
        events = sums.events
        droppedEvents = recorder.dropped
    }

    /// What the events of a recording come to.
    private struct Sums {
        struct Function {
            var count = 0
            var minRows = Int.max
            var maxRows = 0
            var ms = 0.0
            var floorMs = 0.0
        }
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
                for event in recorder.events(of: call, thread: 0) {
                    let cost = costs[event.instruction]
                    kinds[instructions[event.instruction].opcode.name, default: .init(bytes: 0, floorMs: 0)].add(cost)
                    function.floorMs += cost.floorMs
                }
                functions[call.function] = function
                events += (0..<call.threads).map { recorder.events(of: call, thread: $0).count }.reduce(0, +)
            }
        }
    }
}

extension InstructionCosts.Cost {
    fileprivate mutating func add(_ other: Self) {
        bytes += other.bytes
        floorMs += other.floorMs
    }
}
