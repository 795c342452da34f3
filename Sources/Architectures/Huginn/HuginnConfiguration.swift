import Checkpoints
import IR

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

    /// Reads a `config.json`. Irrelevant keys are ignored; ``ForeignSettings`` has keys of other families that are not.
    /// - Parameters:
    ///   - document: the keys.
    ///   - tensors: the names of the checkpoint's tensors; nil if there is only a configuration.
    /// - Throws: ``CheckpointError`` that names a key that is missing, of the wrong kind, contradicted by another, or
    ///   asks for an unsupported variant.
    public init(_ document: ConfigurationDocument, tensors: Set<String>? = nil) throws {
        guard try RavenClass.claims(document) else {
            throw document.error("model_type", "is missing or another than \"huginn_raven\", the only one supported")
        }
        try RavenClass.check(document)
        func size(_ key: String) throws -> Int {
            try document.required(key) { try document.integer($0, in: ArchitectureLimits.size) }
        }
        func blocks(_ key: String, atLeast least: Int) throws -> Int {
            try document.required(key) { try document.integer($0, in: least...ArchitectureLimits.blocks) }
        }
        width = try size("n_embd")
        heads = try RavenClass.heads(document)
        intermediate = try size("intermediate_size")
        preludeBlocks = try blocks("n_layers_in_prelude", atLeast: 0)
        coreBlocks = try blocks("n_layers_in_recurrent_block", atLeast: 1)
        codaBlocks = try blocks("n_layers_in_coda", atLeast: 0)
        meanRecurrence = try document.required("mean_recurrence") {
            try document.integer($0, in: ArchitectureLimits.recurrence)
        }
        vocabulary = try RavenClass.vocabulary(document)
        context = try size("block_size")
        normEpsilon = try document.required("norm_eps") {
            try document.number($0, "a positive number below 1") { 0 < $0 && $0 < 1 }
        }
        ropeBase = try document.required("rope_base") {
            try document.number($0, "a number of at least 1") { $0 >= 1 }
        }
        hasQueryKeyBias = try document.required("qk_bias", document.truth)
        tiesEmbeddings = try RavenClass.tiesEmbeddings(document)
        try checkKeyHeads(document)
        try checkHeads(document)
        try ForeignSettings(configuration: self).check(document)
        if let tensors { try checkQueryKeyBias(document, tensors) }
    }

    /// A checkpoint with biases that its configuration denies would run without them and produce nonsense.
    private func checkQueryKeyBias(_ document: ConfigurationDocument, _ tensors: Set<String>) throws {
        guard !hasQueryKeyBias, let bias = tensors.sorted().first(where: { $0.hasSuffix(".attn.qk_bias") }) else {
            return
        }
        throw document.error(
            "qk_bias",
            "is false, and the weights have the tensor \"\(bias)\"; one of the two is of another checkpoint, or the key "
                + "should be true")
    }

    private func checkKeyHeads(_ document: ConfigurationDocument) throws {
        if let keyHeads = try document.integer("num_key_value_heads", in: ArchitectureLimits.size), keyHeads != heads {
            throw document.error(
                "num_key_value_heads",
                "is \(keyHeads), and only as many as attention heads, \(heads), are supported")
        }
    }

    private func checkHeads(_ document: ConfigurationDocument) throws {
        guard width % heads == 0 else {
            throw document.error("n_embd", "is \(width), which \(heads) heads do not divide")
        }
        if let stated = try document.integer("head_dim", in: ArchitectureLimits.size), stated != headDimension {
            throw document.error(
                "head_dim", "is \(stated), and \"n_embd\" divided by the number of heads is \(headDimension)")
        }
        guard headDimension % 2 == 0 else {
            throw document.error(
                "n_embd", "gives heads of \(headDimension) components, and the rotary embedding needs an even number")
        }
    }
}

extension HuginnConfiguration: Architecture {
    public static let record = ArchitectureRecord(
        name: "huginn", title: "Huginn", paper: "arXiv 2502.05171", checkpoints: ["tomg-group-umd/huginn-0125"],
        loopWord: "recurrence", injectsInput: true, readsEarly: true, sharesCaches: true)

    public static func claims(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws -> Bool {
        try RavenClass.claims(configuration) && !RavenClass.isRetrofit(configuration, tensors: tensors)
    }

    public var shape: ArchitectureShape {
        ArchitectureShape(
            width: width, vocabulary: vocabulary, context: context, recurrence: meanRecurrence,
            trainedRecurrence: nil,
            // √(2 / (5E)), times the embedding's scale √E: "like-init".
            stateDeviation: Float(0.4).squareRoot())
    }

    public var vocabularyMatrices: VocabularyMatrices { RavenClass.vocabularyMatrices(isTied: tiesEmbeddings) }

    public func graph(context: Int) -> any LoopedGraph {
        let sizes = RavenSizes(
            width: width, heads: heads, keyHeads: heads, headDimension: headDimension, intermediate: intermediate,
            vocabulary: vocabulary, preludeBlocks: preludeBlocks, coreBlocks: coreBlocks, codaBlocks: codaBlocks,
            normEpsilon: Float(normEpsilon))
        return RavenGraph(
            sizes: sizes, matrices: vocabularyMatrices,
            rotary: RotaryEmbedding(
                frequencies: RotaryFrequencies(base: Float(ropeBase)), pairsHalves: false, dimension: headDimension),
            norms: .sandwich, embeddingScale: Float(width).squareRoot(), hasQueryKeyBias: hasQueryKeyBias,
            normsBeforeCoda: true)
    }
}
