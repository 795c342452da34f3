import Architectures
import Checkpoints
import IR

/// A family of models in thirty lines: an embedding, one gated layer with attention that runs r times, and a tied head.
struct TinyArchitecture: Architecture {
    static let record = ArchitectureRecord(
        name: "tiny", title: "Tiny", paper: "none", checkpoints: [], loopWord: "loop", injectsInput: true,
        readsEarly: true, sharesCaches: true)
    static func claims(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws -> Bool {
        try configuration.text("model_type") == "tiny"
    }
    init(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws {}
    let shape = ArchitectureShape(width: 8, vocabulary: 11, context: 32, recurrence: 3, stateDeviation: 1)
    let vocabularyMatrices = VocabularyMatrices(embedding: "embed", head: "head", tieKey: "tied", isTied: true)
    func graph(context: Int) -> any LoopedGraph { Graph() }

    struct Graph: LoopedGraph {
        let width = 8
        func prelude(_ b: inout FunctionBuilder, _ rows: RowParameters, tokens: Value) -> Value {
            b.embed(tokens, b.weight("embed", 11, 8), scale: 1)
        }
        func recurrence(_ b: inout FunctionBuilder, _ rows: RowParameters, state: Value, input: Value) -> Value {
            let joined = b.linear(b.concat(state, input), b.weight("adapter", 8, 16))
            let normed = b.norm(joined, b.weight("norm", 8), eps: 1e-6)
            let qkv = b.linear(normed, b.weight("qkv", 16, 8))
            let frequencies = b.weight("rotary", 2, source: .frequencies(RotaryFrequencies(base: 100)))
            let cache = b.cache("layer", heads: 1, dimension: 4, isRecurrent: true)
            let queries = b.rope(b.slice(qkv, 0..<8), rows.position, frequencies, heads: 2)
            let keys = b.rope(b.slice(qkv, 8..<12), rows.position, frequencies, heads: 1)
            b.cacheWrite(
                keys, b.slice(qkv, 12..<16), slot: rows.slot, position: rows.position, depth: rows.depth, cache,
                recurrence: .induction)
            let mixed = b.wavefrontAttention(
                queries, slot: rows.slot, position: rows.position, depth: rows.depth, cache, heads: 2,
                recurrence: .induction)
            let middle = b.add(b.linear(mixed, b.weight("output", 8, 8)), joined)
            let widened = b.linear(b.norm(middle, b.weight("norm_2", 8), eps: 1e-6), b.weight("widen", 12, 8))
            let gated = b.multiply(b.silu(b.slice(widened, 0..<6)), b.slice(widened, 6..<12))
            return b.add(b.linear(gated, b.weight("narrow", 8, 6)), middle)
        }
        func latents(_ b: inout FunctionBuilder, of state: Value) -> Value { state }
        func logits(_ b: inout FunctionBuilder, _ rows: RowParameters, state: Value, latents: Value) -> Value {
            b.linear(state, b.weight("embed", 11, 8))
        }
    }
}
