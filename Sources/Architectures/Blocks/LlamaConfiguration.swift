import Checkpoints

/// The keys of `config.json` that models with Llama's names share.
struct LlamaConfiguration: Hashable, Sendable {
    /// E, the width of the residual stream: `hidden_size`.
    var width: Int
    /// The number of layers of the stack: `num_hidden_layers`.
    var layers: Int
    /// H, the number of heads of the queries: `num_attention_heads`.
    var heads: Int
    /// The number of heads of keys and values, which divides H: `num_key_value_heads`, or H.
    var keyHeads: Int
    /// D, the number of columns of a head: `head_dim`, or E / H.
    var headDimension: Int
    /// I, the width of the gated MLP: `intermediate_size`.
    var intermediate: Int
    /// V, the number of rows of the embedding: `vocab_size`.
    var vocabulary: Int
    /// The maximum number of positions of a sequence: `max_position_embeddings`.
    var context: Int
    /// The number that every RMSNorm adds to the mean square: `rms_norm_eps`, or 1e-6.
    var normEpsilon: Double
    /// Whether the head is the embedding: `tie_word_embeddings`.
    var tiesEmbeddings: Bool
    var rotary: RotarySettings

    /// - Throws: ``CheckpointError`` that names a key that is missing, of the wrong kind, or contradicted by another.
    init(_ document: ConfigurationDocument) throws {
        func size(_ key: String) throws -> Int {
            try document.required(key) { try document.integer($0, in: ArchitectureLimits.size) }
        }
        width = try size("hidden_size")
        layers = try document.required("num_hidden_layers") {
            try document.integer($0, in: 1...ArchitectureLimits.blocks)
        }
        heads = try size("num_attention_heads")
        keyHeads = try document.integer("num_key_value_heads", in: ArchitectureLimits.size) ?? heads
        headDimension = try document.integer("head_dim", in: ArchitectureLimits.size) ?? width / heads
        intermediate = try size("intermediate_size")
        vocabulary = try size("vocab_size")
        context = try size("max_position_embeddings")
        normEpsilon =
            try document.number("rms_norm_eps", "a positive number below 1") { 0 < $0 && $0 < 1 } ?? 1e-6
        tiesEmbeddings = try document.truth("tie_word_embeddings") ?? false
        rotary = try RotarySettings(document, defaultBase: 10000)
        try ArchitectureLimits.checkHeads(
            document, heads: heads, keyHeads: keyHeads, dimension: headDimension, widthKey: "hidden_size")
        if let activation = try document.text("hidden_act"), !["silu", "swish"].contains(activation.lowercased()) {
            throw document.error("hidden_act", "is \"\(activation)\", and only \"silu\" is supported")
        }
        try document.refuseUnlessOff(["attention_bias", "mlp_bias", "use_sliding_window"])
        if let types = try document.texts("layer_types"), let other = types.first(where: { $0 != "full_attention" }) {
            throw document.error("layer_types", "lists \"\(other)\", and only \"full_attention\" is supported")
        }
        for key in ["quantization_config", "compression_config"] where document.has(key) {
            throw document.error(key, "is there, and only checkpoints whose weights are plain numbers are supported")
        }
    }

    /// The matrices of embedding and head.
    var vocabularyMatrices: VocabularyMatrices {
        VocabularyMatrices(
            embedding: "model.embed_tokens.weight", head: "lm_head.weight", tieKey: "tie_word_embeddings",
            isTied: tiesEmbeddings)
    }

    /// The rotary embedding for sequences of up to `context` positions.
    func rotaryEmbedding(context: Int) -> RotaryEmbedding {
        rotary.embedding(dimension: headDimension, pairsHalves: true, context: context)
    }
}
