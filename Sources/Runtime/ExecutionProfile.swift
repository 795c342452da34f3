import Plans

/// The distribution of the time of recorded calls. Times are averages over the threads: those of the kinds and of
/// waiting add up to ``seconds``.
public struct ExecutionProfile: Hashable, Sendable {
    /// The executions of one kind of instruction.
    public struct Kind: Hashable, Sendable {
        /// The name of the instruction on a tape.
        public var opcode: String
        /// The number of executions, each counted once for all threads.
        public var executions: Int
        /// The time at work.
        public var seconds: Double
    }

    /// The kinds that occurred, in order of decreasing time.
    public var kinds: [Kind]
    /// The number of times that threads met between instructions.
    public var barriers: Int
    /// The time in which threads had nothing to do, between instructions and at the end of a call.
    public var barrierSeconds: Double
    /// The time from the begin of the first instruction to the end of the last one.
    public var seconds: Double

    /// Sums up recorded calls.
    /// - Parameter plan: the plan of the recorded model.
    public init(_ recorder: ExecutionRecorder, of plan: Plan) {
        var kinds: [String: Kind] = [:]
        (barriers, barrierSeconds, seconds) = (0, 0, 0)
        for call in recorder.calls {
            let instructions = plan.contents.schedule.functions[call.function].instructions
            let unit = 1e-9 / Double(call.threads)
            for (instruction, count) in zip(
                instructions, recorder.executions(of: call, instructions: instructions.count)) where count > 0
            {
                let name = instruction.opcode.name
                kinds[name, default: Kind(opcode: name, executions: 0, seconds: 0)].executions += count
                if instruction.barrier { barriers += count }
            }
            for thread in 0..<call.threads {
                for event in recorder.events(of: call, thread: thread) {
                    kinds[instructions[event.instruction].opcode.name]?.seconds +=
                        Double(event.end - event.start) * unit
                    barrierSeconds += Double(event.start - event.arrival) * unit
                }
                barrierSeconds += Double(recorder.waitAtEnd(of: call, thread: thread)) * unit
            }
            seconds += Double(call.tape.count) * 1e-9
        }
        self.kinds = kinds.values.sorted { ($0.seconds, $0.opcode) > ($1.seconds, $1.opcode) }
    }
}
