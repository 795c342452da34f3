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
        /// The time at work and in the barriers that are part of the instruction.
        public var seconds: Double
    }

    /// The kinds that occurred, in order of decreasing time.
    public var kinds: [Kind]
    /// The number of times that threads met between instructions.
    public var barriers: Int
    /// The time of waiting for other threads between instructions, and for the last of them at the end of a call.
    public var barrierSeconds: Double
    /// The time from the first instruction to the end of the last one of the last thread.
    public var seconds: Double

    /// Sums up recorded calls.
    /// - Parameter plan: the plan of the recorded model.
    public init(_ recorder: ExecutionRecorder, of plan: Plan) {
        var kinds: [String: Kind] = [:]
        (barriers, barrierSeconds, seconds) = (0, 0, 0)
        for call in recorder.calls {
            let instructions = plan.contents.schedule.functions[call.function].instructions
            let unit = 1e-9 / Double(call.threads)
            for event in recorder.events(of: call, thread: 0) {
                let instruction = instructions[event.instruction]
                kinds[
                    instruction.opcode.name, default: Kind(opcode: instruction.opcode.name, executions: 0, seconds: 0)
                ]
                .executions += 1
                if instruction.barrier { barriers += 1 }
            }
            for thread in 0..<call.threads {
                let events = recorder.events(of: call, thread: thread)
                for event in events {
                    kinds[instructions[event.instruction].opcode.name]?.seconds +=
                        Double(event.end - event.start) * unit
                    barrierSeconds += Double(event.start - event.arrival) * unit
                }
                barrierSeconds += Double(recorder.waitAtEnd(of: call, thread: thread)) * unit
                if let first = events.first, let last = events.last {
                    seconds += Double(last.end - first.arrival + recorder.waitAtEnd(of: call, thread: thread)) * unit
                }
            }
        }
        self.kinds = kinds.values.sorted { ($0.seconds, $0.opcode) > ($1.seconds, $1.opcode) }
    }
}

extension ExecutionRecorder {
    /// The time that a thread waits for the last one at the end of a call, in nanoseconds; 0 if the end was not
    /// recorded.
    public func waitAtEnd(of call: Call, thread: Int) -> Int {
        guard call.isComplete, let own = events(of: call, thread: thread).last else { return 0 }
        let last = (0..<call.threads).compactMap { events(of: call, thread: $0).last?.end }.max() ?? own.end
        return last - own.end
    }
}
