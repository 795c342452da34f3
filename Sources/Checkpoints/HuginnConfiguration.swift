import Safetensors

/// The configuration of a Huginn model (arXiv 2502.05171, section 3) from `config.json`: the sizes of its three groups
/// of blocks. The published code supports several variants of some components. This project builds one of each and
/// refuses a file that asks for another.
public struct HuginnConfiguration: Hashable, Sendable {
    /// E, the width of the residual stream: `n_embd`.
    public var width: Int
    /// H, attention heads, each with its own keys and values: `n_heads`.
    public var heads: Int
    /// I, the width of the gated MLP: `intermediate_size`.
    public var intermediate: Int
    /// The number of blocks that run once before the recurrence; may be 0.
    public var preludeBlocks: Int
    /// The number of blocks of the recurrence; at least 1.
    public var coreBlocks: Int
    /// The number of blocks that run once after the recurrence; may be 0.
    public var codaBlocks: Int
    /// r, the default number of recurrences: `mean_recurrence`.
    public var meanRecurrence: Int
    /// V, rows of the embedding: `padded_vocab_size`, or else `vocab_size`.
    public var vocabulary: Int
    /// The maximum number of positions of a sequence: `block_size`.
    public var context: Int
    /// The number that every RMSNorm adds to the mean square.
    public var normEpsilon: Double
    /// The base of the rotary embedding's frequencies.
    public var ropeBase: Double
    /// Whether queries and keys have a bias. No other projection has one.
    public var hasQueryKeyBias: Bool
    /// Whether the head is the embedding, so that `lm_head.weight` is not read.
    public var tiesEmbeddings: Bool

    /// The width of a head, D = E / H. It is even.
    public var headDimension: Int { width / heads }

    /// The limits of sizes. They are far beyond any model, and small enough that 64 bits hold the bytes of all tensors
    /// together.
    private enum Limit {
        static let size = 1...1 << 24
        static let blocks = 1 << 8
        static let recurrence = 1...1 << 16
    }

    /// Reads a `config.json`. Irrelevant keys are ignored; ``ForeignSettings`` has keys of other families that are not.
    /// - Parameters:
    ///   - json: its text.
    ///   - name: the file's name in messages.
    /// - Throws: ``CheckpointError`` that names a key that is missing, of the wrong kind, contradicted by another, or
    ///   asks for an unsupported variant.
    public init(json: String, name: String = "config.json") throws {
        let document = try ConfigurationDocument(json: json, name: name)
        try Self.checkArchitecture(document)
        func size(_ key: String) throws -> Int {
            try document.required(key) { try document.integer($0, in: Limit.size) }
        }
        func blocks(_ key: String, atLeast least: Int) throws -> Int {
            try document.required(key) { try document.integer($0, in: least...Limit.blocks) }
        }
        width = try size("n_embd")
        heads = try Self.heads(document)
        intermediate = try size("intermediate_size")
        preludeBlocks = try blocks("n_layers_in_prelude", atLeast: 0)
        coreBlocks = try blocks("n_layers_in_recurrent_block", atLeast: 1)
        codaBlocks = try blocks("n_layers_in_coda", atLeast: 0)
        meanRecurrence = try document.required("mean_recurrence") { try document.integer($0, in: Limit.recurrence) }
        vocabulary = try Self.vocabulary(document)
        context = try size("block_size")
        normEpsilon = try document.required("norm_eps") {
            try document.number($0, "a positive number below 1") { 0 < $0 && $0 < 1 }
        }
        ropeBase = try document.required("rope_base") {
            try document.number($0, "a number of at least 1") { $0 >= 1 }
        }
        hasQueryKeyBias = try document.required("qk_bias", document.truth)
        // The published code passes the first of these on as the second, so the first decides.
        let tieKey = document.has("tie_embeddings") ? "tie_embeddings" : "tie_word_embeddings"
        guard let ties = try document.truth(tieKey) else { throw document.error("tie_embeddings", "is missing") }
        tiesEmbeddings = ties
        try checkHeads(document)
        try ForeignSettings(configuration: self).check(document)
    }

    /// Refuses every variant that ``HuginnModule`` does not build, by name.
    private static func checkArchitecture(_ document: ConfigurationDocument) throws {
        func check(_ key: String, _ supported: String, isRequired: Bool = true) throws {
            guard let value = try document.text(key) else {
                guard isRequired else { return }
                throw document.error(key, "is missing; \(quoted(supported)) is the only one supported")
            }
            guard value == supported else {
                throw document.error(key, "is \(quoted(value)), and only \(quoted(supported)) is supported")
            }
        }
        try check("model_type", "huginn_raven")
        if let architectures = try document.texts("architectures"), !architectures.contains("RavenForCausalLM") {
            throw document.error(
                "architectures",
                "lists \(architectures.map(quoted).joined(separator: ", ")), and only \"RavenForCausalLM\" is supported"
            )
        }
        try check("architecture_class_name", "RecurrentGPT", isRequired: false)
        try check("injection_type", "linear")
        try check("block_class_name", "SandwichBlock")
        try check("mlp_class_name", "GatedMLP")
        try check("nonlin_name", "SiLU")
        try check("norm_class_name", "RMSNorm_llama")
        try check("state_init", "like-init", isRequired: false)
        if try document.truth("bias") ?? false {
            throw document.error("bias", "is true, and only models without these biases are supported")
        }
        if let noise = try document.number("test_time_noise", "a number", { _ in true }), noise != 0 {
            throw document.error("test_time_noise", "is \(noise), and only 0 is supported")
        }
    }

    private static func heads(_ document: ConfigurationDocument) throws -> Int {
        let own = try document.integer("n_heads", in: Limit.size)
        let common = try document.integer("num_attention_heads", in: Limit.size)
        if let own, let common, own != common {
            throw document.error("num_attention_heads", "is \(common), and \"n_heads\" is \(own)")
        }
        guard let heads = own ?? common else { throw document.error("n_heads", "is missing") }
        if let keyValueHeads = try document.integer("num_key_value_heads", in: Limit.size), keyValueHeads != heads {
            throw document.error(
                "num_key_value_heads",
                "is \(keyValueHeads), and only as many as attention heads, \(heads), are supported")
        }
        return heads
    }

    private static func vocabulary(_ document: ConfigurationDocument) throws -> Int {
        let tokens = try document.integer("vocab_size", in: Limit.size)
        let rows = try document.integer("padded_vocab_size", in: Limit.size)
        if let tokens, let rows, rows < tokens {
            throw document.error("padded_vocab_size", "is \(rows), and \"vocab_size\" is \(tokens), which is more")
        }
        guard let vocabulary = rows ?? tokens else { throw document.error("vocab_size", "is missing") }
        return vocabulary
    }

    private func checkHeads(_ document: ConfigurationDocument) throws {
        guard width % heads == 0 else {
            throw document.error("n_embd", "is \(width), which \(heads) heads do not divide")
        }
        if let stated = try document.integer("head_dim", in: Limit.size), stated != headDimension {
            throw document.error(
                "head_dim", "is \(stated), and \"n_embd\" divided by the number of heads is \(headDimension)")
        }
        guard headDimension % 2 == 0 else {
            throw document.error(
                "n_embd", "gives heads of \(headDimension) components, and the rotary embedding needs an even number")
        }
    }
}
