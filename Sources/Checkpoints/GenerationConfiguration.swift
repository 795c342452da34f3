import Safetensors

/// The defaults of `generation_config.json` for sampling and for the end of a text. An absent key does not change the
/// probabilities.
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
    /// The maximum number of tokens with the prompt, `max_length`, if there is no ``maxNewTokens``.
    public var maxLength: Int?
    /// The texts that end the generation when they are generated, `stop_strings`.
    public var stopStrings: [String] = []
    /// Tokens that are never generated, `suppress_tokens`.
    public var suppressedTokens: [Int] = []
    /// Tokens that are not generated right after the prompt, `begin_suppress_tokens`.
    public var suppressedTokensAtBegin: [Int] = []
    /// Sequences of tokens that are never generated, `bad_words_ids`.
    public var forbiddenSequences: [[Int]] = []
    /// n: no n tokens in a row are generated twice, `no_repeat_ngram_size`; 0 if they may.
    public var noRepeatNGram = 0
    /// The number of new tokens before the first stop token, `min_new_tokens`.
    public var minNewTokens = 0
    /// The number of tokens, with the prompt, before the first stop token, `min_length`.
    public var minLength = 0
    /// The token that follows a prompt of one token, `forced_bos_token_id`.
    public var forcedFirstToken: Int?
    /// The tokens one of which is the last if the maximum number is reached, `forced_eos_token_id`.
    public var forcedLastTokens: [Int] = []
    /// The keys that ask for something that this version cannot do.
    public var unsupported: [Unsupported] = []

    /// A key that changes the text and is not applied.
    public struct Unsupported: Hashable, Sendable {
        /// A sentence without a full stop that names the file, the key and the value.
        public var problem: String
        /// Whether the key matters only if tokens are sampled.
        public var needsSampling: Bool
    }

    /// Whether the most probable token is always chosen.
    public var isGreedy: Bool { !samples || temperature == 0 }

    /// The defaults of a checkpoint without the file.
    public init() {}

    private static let tokens = 0...1 << 24

    /// Reads the defaults of a checkpoint: those of `generation_config.json` or, if it has none, those that older
    /// checkpoints have in `config.json`.
    /// - Parameter documents: the texts of the checkpoint's documents by their file names.
    /// - Throws: ``CheckpointError`` that names the file and the key of the wrong kind or out of range.
    public init(documents: [String: String]) throws {
        for document in [CheckpointDocument.generationConfiguration, .configuration] {
            guard let json = documents[document.rawValue] else { continue }
            try self.init(json: json, name: document.rawValue)
            return
        }
        self.init()
    }

    /// The same stop tokens, without any other default.
    public var stopTokensAlone: GenerationConfiguration {
        var defaults = GenerationConfiguration()
        defaults.stopTokens = stopTokens
        return defaults
    }

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
        let counts = 0...Int(Int32.max)
        maxNewTokens = try document.integer("max_new_tokens", in: 1...Int(Int32.max))
        maxLength = try document.integer("max_length", in: 1...Int(Int32.max))
        stopStrings = try document.oneOrMoreTexts("stop_strings") ?? []
        // Some writers mark an empty list by -1.
        suppressedTokens = try document.integers("suppress_tokens", in: -1...Self.tokens.upperBound) ?? []
        suppressedTokensAtBegin = try document.integers("begin_suppress_tokens", in: -1...Self.tokens.upperBound) ?? []
        forbiddenSequences = try document.lists("bad_words_ids", in: Self.tokens) ?? []
        noRepeatNGram = try document.integer("no_repeat_ngram_size", in: counts) ?? 0
        minNewTokens = try document.integer("min_new_tokens", in: counts) ?? 0
        minLength = try document.integer("min_length", in: counts) ?? 0
        forcedFirstToken = try document.integer("forced_bos_token_id", in: Self.tokens)
        forcedLastTokens = try document.integers("forced_eos_token_id", in: Self.tokens) ?? []
        unsupported = UnsupportedGenerationKeys.found(in: document)
    }
}
