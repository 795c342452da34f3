import Safetensors

/// What `generation_config.json` says of sampling. Only what the file states is asked for: a key that is absent changes
/// nothing about the probabilities.
public struct GenerationConfiguration: Hashable, Sendable {
    /// `eos_token_id`: generation stops at any of them. The file has one number or a list.
    public var stopTokens: [Int] = []
    /// `do_sample`: false means the likeliest token always (greedy), whatever the keys below say.
    public var samples = false
    /// Divides the logits. 0 means greedy.
    public var temperature = 1.0
    /// How many of the likeliest tokens may be chosen; nil for all. The file's 0 is nil here.
    public var topK: Int?
    /// The likeliest tokens that together have this probability may be chosen; 1 for all.
    public var topP = 1.0
    /// Only tokens with at least this fraction of the likeliest one's probability may be chosen; 0 for all.
    public var minP = 0.0
    /// Divides positive logits of tokens that occurred, and multiplies negative ones; 1 changes nothing.
    public var repetitionPenalty = 1.0
    /// `max_new_tokens`.
    public var maxNewTokens: Int?

    /// Whether the likeliest token is always chosen.
    public var isGreedy: Bool { !samples || temperature == 0 }

    /// What holds for a checkpoint without the file.
    public init() {}

    private static let tokens = 0...1 << 24

    /// Reads a `generation_config.json`. Keys that do not matter here are ignored.
    /// - Parameters:
    ///   - json: its text.
    ///   - name: what messages call the file.
    /// - Throws: ``CheckpointError`` that names the key which is of the wrong kind or out of range.
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
