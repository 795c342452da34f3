import Checkpoints

/// What configuration files of the class `RavenForCausalLM` have in common. Huginn and the retrofitted models both say
/// `huginn_raven`, and both call their block a sandwich, though only Huginn's is one.
enum RavenClass {
    /// Whether the model is of this class.
    static func claims(_ document: ConfigurationDocument) throws -> Bool {
        try document.text("model_type") == "huginn_raven"
    }

    /// Whether the model is a retrofit: its blocks have no third norm. A configuration alone tells by the scale of the
    /// embedding, which retrofits do not have.
    static func isRetrofit(_ document: ConfigurationDocument, tensors: Set<String>?) throws -> Bool {
        if let tensors {
            let block = "transformer.core_block.0"
            return tensors.contains("\(block).norm_1.weight") && tensors.contains("\(block).norm_2.weight")
                && !tensors.contains("\(block).norm_3.weight") && !tensors.contains("\(block).norm_4.weight")
        }
        let values = try document.object("init_values")
        return try values?.number("embed_scale", "a number", { _ in true }) == 1 && document.has("rope_theta")
    }

    /// Refuses every variant of the published code that no family here builds, by name.
    static func check(_ document: ConfigurationDocument) throws {
        func check(_ key: String, _ supported: String, isRequired: Bool = true) throws {
            guard let value = try document.text(key) else {
                guard isRequired else { return }
                throw document.error(key, "is missing; \"\(supported)\" is the only one supported")
            }
            guard value == supported else {
                throw document.error(key, "is \"\(value)\", and only \"\(supported)\" is supported")
            }
        }
        if let architectures = try document.texts("architectures"), !architectures.contains("RavenForCausalLM") {
            let list = architectures.map { "\"\($0)\"" }.joined(separator: ", ")
            throw document.error("architectures", "lists \(list), and only \"RavenForCausalLM\" is supported")
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

    /// H: `n_heads`, or `num_attention_heads`.
    static func heads(_ document: ConfigurationDocument) throws -> Int {
        let own = try document.integer("n_heads", in: ArchitectureLimits.size)
        let common = try document.integer("num_attention_heads", in: ArchitectureLimits.size)
        if let own, let common, own != common {
            throw document.error("num_attention_heads", "is \(common), and \"n_heads\" is \(own)")
        }
        guard let heads = own ?? common else { throw document.error("n_heads", "is missing") }
        return heads
    }

    /// V: `padded_vocab_size`, or `vocab_size`.
    static func vocabulary(_ document: ConfigurationDocument) throws -> Int {
        let tokens = try document.integer("vocab_size", in: ArchitectureLimits.size)
        let rows = try document.integer("padded_vocab_size", in: ArchitectureLimits.size)
        if let tokens, let rows, rows < tokens {
            throw document.error("padded_vocab_size", "is \(rows), and \"vocab_size\" is \(tokens), which is more")
        }
        guard let vocabulary = rows ?? tokens else { throw document.error("vocab_size", "is missing") }
        return vocabulary
    }

    /// Whether the head is the embedding, and the key that says so. The published code passes the first key on as the
    /// second, so the first decides.
    static func tiesEmbeddings(_ document: ConfigurationDocument) throws -> Bool {
        let key = document.has("tie_embeddings") ? "tie_embeddings" : "tie_word_embeddings"
        guard let ties = try document.truth(key) else { throw document.error("tie_embeddings", "is missing") }
        return ties
    }

    static func vocabularyMatrices(isTied: Bool) -> VocabularyMatrices {
        VocabularyMatrices(
            embedding: "transformer.wte.weight", head: "lm_head.weight", tieKey: "tie_embeddings", isTied: isTied)
    }
}
