import Checkpoints
import Foundation
import IR

/// The keys of `config.json` that retrofitted models share (arXiv 2511.07384): a pretrained model's layers, divided into
/// a prelude, a core and a coda.
struct RetrofitConfiguration: Hashable, Sendable {
    let sizes: RavenSizes
    let rotary: RotarySettings
    /// r, the default number of recurrences: `mean_recurrence`.
    let meanRecurrence: Int
    /// The maximum number of positions of a sequence: `max_position_embeddings`, or `block_size`.
    let context: Int
    let tiesEmbeddings: Bool
    /// The standard deviation of fresh states: `std` of `init_values` times its `embed_scale`.
    let stateDeviation: Float

    init(_ document: ConfigurationDocument) throws {
        try RavenClass.check(document)
        func size(_ key: String) throws -> Int {
            try document.required(key) { try document.integer($0, in: ArchitectureLimits.size) }
        }
        func blocks(_ key: String, atLeast least: Int) throws -> Int {
            try document.required(key) { try document.integer($0, in: least...ArchitectureLimits.blocks) }
        }
        let (width, heads) = (try size("n_embd"), try RavenClass.heads(document))
        let keyHeads = try document.integer("num_key_value_heads", in: ArchitectureLimits.size) ?? heads
        let dimension = try document.integer("head_dim", in: ArchitectureLimits.size) ?? width / heads
        try ArchitectureLimits.checkHeads(
            document, heads: heads, keyHeads: keyHeads, dimension: dimension, widthKey: "n_embd")
        sizes = RavenSizes(
            width: width, heads: heads, keyHeads: keyHeads, headDimension: dimension,
            intermediate: try size("intermediate_size"), vocabulary: try RavenClass.vocabulary(document),
            preludeBlocks: try blocks("n_layers_in_prelude", atLeast: 0),
            coreBlocks: try blocks("n_layers_in_recurrent_block", atLeast: 1),
            codaBlocks: try blocks("n_layers_in_coda", atLeast: 0),
            normEpsilon: Float(
                try document.required("norm_eps") {
                    try document.number($0, "a positive number below 1") { 0 < $0 && $0 < 1 }
                }))
        meanRecurrence = try document.required("mean_recurrence") {
            try document.integer($0, in: ArchitectureLimits.recurrence)
        }
        context =
            try document.integer("max_position_embeddings", in: ArchitectureLimits.size) ?? size("block_size")
        // "rope_base" is there too and has no effect.
        rotary = try RotarySettings(document, defaultBase: nil)
        tiesEmbeddings = try RavenClass.tiesEmbeddings(document)
        try document.refuseUnlessOff(["qk_bias", "attention_bias", "mlp_bias", "quantization_config"])
        if let mode = try document.text("initial_state_mode"), mode != "random" {
            throw document.error("initial_state_mode", "is \"\(mode)\", and only \"random\" is supported")
        }
        stateDeviation = try Self.stateDeviation(document, width: width)
    }

    private static func stateDeviation(_ document: ConfigurationDocument, width: Int) throws -> Float {
        let values = try document.object("init_values")
        let scale = try values?.number("embed_scale", "a number of at least 0") { $0 >= 0 } ?? 1
        // Without the key, the deviation of the "takase" initialization (arXiv 2312.16903) at this width.
        let deviation =
            try values?.number("std", "a number of at least 0") { $0 >= 0 } ?? (2 / (5 * Double(width))).squareRoot()
        return Float(deviation * scale)
    }

    var shape: ArchitectureShape {
        ArchitectureShape(
            width: sizes.width, vocabulary: sizes.vocabulary, context: context, recurrence: meanRecurrence,
            trainedRecurrence: nil, stateDeviation: stateDeviation)
    }

    func graph(_ norms: RavenGraph.Norms, context: Int) -> any LoopedGraph {
        RavenGraph(
            sizes: sizes, matrices: RavenClass.vocabularyMatrices(isTied: tiesEmbeddings),
            rotary: rotary.embedding(dimension: sizes.headDimension, pairsHalves: true, context: context),
            norms: norms, embeddingScale: 1, hasQueryKeyBias: false, normsBeforeCoda: false)
    }

    /// The tensor that only models with normed queries and keys have.
    private static let queryNorm = "transformer.core_block.0.attn.q_norm.weight"

    /// Whether the model is a retrofit whose blocks norm what they add. A configuration alone tells by two values that
    /// the published OLMos share and no other published retrofit has: as many heads of keys as of queries, and an
    /// epsilon of 1e-6.
    static func isOLMo(_ document: ConfigurationDocument, tensors: Set<String>?) throws -> Bool {
        if let tensors { return tensors.contains(queryNorm) }
        let heads = try RavenClass.heads(document)
        return try document.integer("num_key_value_heads", in: ArchitectureLimits.size) ?? heads == heads
            && document.number("norm_eps", "a number", { _ in true }) == 1e-6
    }
}
