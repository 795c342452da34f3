import Checkpoints
import IR

/// The configuration of an Ouro model (arXiv 2510.25741): one stack of layers that runs T times, with a norm
/// after each loop whose output the next loop reads.
public struct OuroConfiguration: LlamaLoops, Hashable {
    public static let record = ArchitectureRecord(
        name: "ouro", title: "Ouro", paper: "arXiv 2510.25741",
        checkpoints: [
            "ByteDance/Ouro-1.4B", "ByteDance/Ouro-1.4B-Thinking", "ByteDance/Ouro-2.6B",
            "ByteDance/Ouro-2.6B-Thinking",
        ],
        loopWord: "loop", injectsInput: false, readsEarly: true, sharesCaches: false, hasExitGate: true,
        // The base models' config.json has only the first, and their chats end with the second.
        stopTokens: .configuredAnd(["<|endoftext|>", "<|im_end|>"]),
        notes: [
            "More loops than the model was trained for make it worse (arXiv 2510.25741).",
            "The published code computes all loops for every token, so an exit by the gate saves no work there.",
        ])

    let llama: LlamaConfiguration
    /// T, the number of loops: `total_ut_steps`, or 4.
    public let loops: Int

    public static func claims(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws -> Bool {
        try configuration.text("model_type") == "ouro"
    }

    public init(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws {
        llama = try LlamaConfiguration(configuration)
        loops = try configuration.integer("total_ut_steps", in: ArchitectureLimits.recurrence) ?? 4
    }

    public func graph(context: Int) -> any LoopedGraph {
        LlamaLoopGraph(
            configuration: llama,
            stack: LlamaStack(
                configuration: llama, rotary: llama.rotaryEmbedding(context: context), norms: .around),
            normsEveryLoop: true, gate: "model.early_exit_gate")
    }
}
