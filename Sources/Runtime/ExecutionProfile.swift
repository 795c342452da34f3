import CExecutor

/// Where the time of one call went. The seconds are those of a thread on average, so that they add up to ``seconds``.
public struct ExecutionProfile: Hashable, Sendable {
    /// All executions of one kind of instruction.
    public struct Kind: Hashable, Sendable {
        /// The instruction's name in a tape.
        public var opcode: String
        public var executions: Int
        /// At work, and in the barriers that are part of the instruction.
        public var seconds: Double
    }

    /// The kinds that occurred, the longest first.
    public var kinds: [Kind]
    public var barriers: Int
    /// Waiting for other threads between instructions.
    public var barrierSeconds: Double
    /// From the first instruction to the last.
    public var seconds: Double

    init(_ profile: ech_profile, threads: Int) {
        let threads = Double(threads)
        let (seconds, executions) = withUnsafeBytes(of: profile.seconds) { seconds in
            withUnsafeBytes(of: profile.executions) { executions in
                (Array(seconds.bindMemory(to: Double.self)), Array(executions.bindMemory(to: Int64.self)))
            }
        }
        kinds = Program.opcodes.compactMap { name, opcode in
            let index = Int(opcode.rawValue)
            guard executions[index] > 0 else { return nil }
            return Kind(opcode: name, executions: Int(executions[index]), seconds: seconds[index] / threads)
        }
        .sorted { ($0.seconds, $0.opcode) > ($1.seconds, $1.opcode) }
        barriers = Int(profile.barriers)
        barrierSeconds = profile.barrier_seconds / threads
        self.seconds = profile.total_seconds / threads
    }
}
