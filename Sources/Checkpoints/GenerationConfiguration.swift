import Safetensors

/// The sampling defaults of `generation_config.json`. An absent key does not change the probabilities.
public struct GenerationConfiguration: Hashable, Sendable {
    /// The stop tokens, `eos_token_id`. The file has one number or a list.
    public var stopTokens: [Int] = []
    /// Whether tokens are sampled, `do_sample`. False means that the most probable token is always chosen (greedy),
    /// whatever the keys below say.
    public var samples = false
    /// The divisor of the logits. 0 means greedy.
    public var temperature = 1.0
    /// The number of most probable tokens that may be chosen; nil for all. The file's 0 is nil here.
    public var topK: Int?
    /// The total probability of the most probable tokens that may be chosen; 1 for all.
    public var topP = 1.0
    /// The minimum probability of a token that may be chosen, as a fraction of the largest one; 0 for all.
    public var minP = 0.0
    /// The repetition penalty. It divides positive logits of tokens that occurred, and multiplies negative ones; 1
    /// changes nothing.
    public var repetitionPenalty = 1.0
    /// The maximum number of new tokens, `max_new_tokens`.
    public var maxNewTokens: Int?

    /// Whether the most probable token is always chosen.
    public var isGreedy: Bool { !samples || temperature == 0 }

    /// The defaults of a checkpoint without the file.
    public init() {}

    private static let tokens = 0...1 << 24

    /// Reads a `generation_config.json`. Irrelevant keys are ignored.
    /// - Parameters:
    ///   - json: its text.
    ///   - name: the file's name in messages.
    /// - Throws: ``CheckpointError`` that names a key of the wrong kind or out of range.
    public init(json: String, name: String = "generation_config.json") throws {
        let document = try ConfigurationDocument(json: json, name: name)
        func fraction(_ key: String) throws -> Double? {
            try document.number(key, "a number from 0 to 1") { 0...1 ~= $0 }
        }
        stopTokens = try document.integers("eos_token_id", in: Self.tokens) ?? []
        samples = try document.truth("do_sample") ?? samples
        temperature = try document.number("temperature", "a number of at least 0") { $0 >= 0 } ?? temperature
        topK = try document.integer("top_k", in: 0...Int(Int32.max)).flatMap { $0 == 0 ? nil : $0 }
        topP = try fraction("top_p") ?? topP
        minP = try fraction("min_p") ?? minP
        repetitionPenalty =
            try document.number("repetition_penalty", "a positive number") { $0 > 0 } ?? repetitionPenalty
        maxNewTokens = try document.integer("max_new_tokens", in: 1...Int(Int32.max))
    }
}
