import Checkpoints
import IR

/// The configuration of a Nanbeige4.2 model (arXiv 2607.22083): one stack of layers that runs twice.
public struct NanbeigeConfiguration: LlamaLoops, Hashable {
    public static let record = ArchitectureRecord(
        name: "nanbeige", title: "Nanbeige4.2", paper: "arXiv 2607.22083",
        checkpoints: ["Nanbeige/Nanbeige4.2-3B", "Nanbeige/Nanbeige4.2-3B-Base"],
        loopWord: "loop", injectsInput: false, readsEarly: false, sharesCaches: false,
        notes: ["Only the read-out after the last loop was trained, so drafts of an early loop may be poor."])

    /// The keys of variants that the published weights do not use.
    private static let variants = [
        "enable_double_loop_split", "loop_middle_layers", "loop_share_kv", "enable_hyper_connection", "enable_mhc",
        "enable_h_res_identity", "enable_depth_attention", "qk_layernorm", "emb_neighbor_num",
        "insert_ngram_layer_idx", "ngram_insert_all_layers",
    ]

    let llama: LlamaConfiguration
    /// T, the number of loops: one more than `loop_loss_weights` has entries if it has any, or `num_loops`, or 1.
    public let loops: Int
    /// Whether the last norm runs once after the last loop, and not after every loop: `skip_loop_final_norm`.
    public let normsLastLoopOnly: Bool

    public static func claims(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws -> Bool {
        try configuration.text("model_type") == "nanbeige"
    }

    public init(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws {
        try configuration.refuseUnlessOff(Self.variants)
        llama = try LlamaConfiguration(configuration)
        let stated = try configuration.integer("num_loops", in: ArchitectureLimits.recurrence) ?? 1
        if case .array(let weights)? = configuration["loop_loss_weights"], !weights.isEmpty {
            loops = weights.count + 1
        } else {
            loops = stated
        }
        normsLastLoopOnly = try configuration.truth("skip_loop_final_norm") ?? false
    }

    public func graph(context: Int) -> any LoopedGraph {
        LlamaLoopGraph(
            configuration: llama,
            stack: LlamaStack(
                configuration: llama, rotary: llama.rotaryEmbedding(context: context), norms: .before),
            normsEveryLoop: !normsLastLoopOnly)
    }
}
