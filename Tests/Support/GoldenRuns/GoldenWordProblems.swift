/// Recorded answers of the word-problem checkpoint, from zero states.
public struct GoldenWordProblems: Decodable, Sendable {
    public struct Row: Decodable, Sendable {
        public var question: String
        public var prompt_tokens: [Int32]
        public var autoregressive_shared: [Int32]
        public var autoregressive_per_recurrence: [Int32]
        public var diffusion: [Int32]
        public var text: String
    }
    /// The recurrences of the autoregressive answers.
    public var recurrence: Int
    public var rows: [Row]

    public init() throws { self = try GoldenFile.decode(Self.self, "wordmath.json") }
}
