import IR

/// The sizes of a model of the class `RavenForCausalLM`.
struct RavenSizes: Hashable, Sendable {
    /// E, the width of the residual stream.
    var width: Int
    /// H, the number of heads of the queries.
    var heads: Int
    /// The number of heads of keys and values, which divides H.
    var keyHeads: Int
    /// D, the number of columns of a head.
    var headDimension: Int
    /// I, the width of the gated MLP.
    var intermediate: Int
    /// V, the number of rows of the embedding.
    var vocabulary: Int
    /// The number of blocks that run once before the recurrence; may be 0.
    var preludeBlocks: Int
    /// The number of blocks of the recurrence; at least 1.
    var coreBlocks: Int
    /// The number of blocks that run once after the recurrence; may be 0.
    var codaBlocks: Int
    /// The number that every RMSNorm adds to the mean square.
    var normEpsilon: Float
}

/// A model of the class `RavenForCausalLM` (arXiv 2502.05171, section 3; arXiv 2511.07384): a prelude, a core
/// that runs any number of times over an adapter of state and input, and a coda.
struct RavenGraph: LoopedGraph {
    /// The place of the norms of a block.
    enum Norms {
        /// x ← norm_2(attention(norm_1(x)) + x); x ← norm_4(mlp(norm_3(x)) + x).
        case sandwich
        /// x ← attention(norm_1(x)) + x; x ← mlp(norm_2(x)) + x.
        case before
        /// x ← norm_1(attention(x)) + x; x ← norm_2(mlp(x)) + x, with norms of all queries and of all keys.
        case after
    }

    var sizes: RavenSizes
    var matrices: VocabularyMatrices
    var rotary: RotaryEmbedding
    var norms: Norms
    /// The factor of the embedding.
    var embeddingScale: Float
    /// Whether queries and keys have a bias. No other projection has one.
    var hasQueryKeyBias: Bool
    /// Whether the last norm also runs before the coda.
    var normsBeforeCoda: Bool

    var width: Int { sizes.width }

    private enum Group: String {
        case prelude, core = "core_block", coda
    }

    func prelude(_ b: inout FunctionBuilder, _ rows: RowParameters, tokens: Value) -> Value {
        let matrix = b.weight(matrices.embedding, sizes.vocabulary, sizes.width)
        let embedded = b.embed(tokens, matrix, scale: embeddingScale, named: "embedded")
        return (0..<sizes.preludeBlocks).reduce(embedded) { block(&b, rows, $0, .prelude, $1) }
    }

    /// s ← core(adapter([s ; e])).
    func recurrence(_ b: inout FunctionBuilder, _ rows: RowParameters, state: Value, input: Value) -> Value {
        let adapter = b.weight("transformer.adapter.weight", sizes.width, 2 * sizes.width)
        let adapted = b.linear(b.concat(state, input, named: "joined"), adapter, named: "adapted")
        return (0..<sizes.coreBlocks).reduce(adapted) { block(&b, rows, $0, .core, $1) }
    }

    func latents(_ b: inout FunctionBuilder, of state: Value) -> Value {
        normsBeforeCoda ? lastNorm(&b, state, named: "latents") : state
    }

    func logits(_ b: inout FunctionBuilder, _ rows: RowParameters, state: Value, latents: Value) -> Value {
        let x = (0..<sizes.codaBlocks).reduce(latents) { block(&b, rows, $0, .coda, $1) }
        let head = b.weight(matrices.head, sizes.vocabulary, sizes.width)
        return b.linear(lastNorm(&b, x, named: "final"), head, named: "logits")
    }

    private func lastNorm(_ b: inout FunctionBuilder, _ x: Value, named hint: String) -> Value {
        b.norm(x, b.weight("transformer.ln_f.weight", sizes.width), eps: sizes.normEpsilon, named: hint)
    }

    private func block(
        _ b: inout FunctionBuilder, _ rows: RowParameters, _ x: Value, _ group: Group, _ number: Int
    ) -> Value {
        let block = "transformer.\(group.rawValue).\(number)"
        func norm(_ x: Value, _ number: Int, named hint: String? = nil) -> Value {
            b.norm(x, b.weight("\(block).norm_\(number).weight", sizes.width), eps: sizes.normEpsilon, named: hint)
        }
        let hint = "\(group)\(number)"
        let attention = attention(block, cache: "\(group.rawValue).\(number)", group == .core ? .induction : .number(0))
        let mlp = GatedMLP(
            width: sizes.width, intermediate: sizes.intermediate, widening: .whole("\(block).mlp.fc.weight"),
            narrowing: "\(block).mlp.proj.weight")
        switch norms {
        case .sandwich:
            let middle = norm(b.add(attention(&b, rows, norm(x, 1)), x), 2)
            return norm(b.add(mlp(&b, norm(middle, 3)), middle), 4, named: hint)
        case .before:
            let middle = b.add(attention(&b, rows, norm(x, 1)), x)
            return b.add(mlp(&b, norm(middle, 2)), middle, named: hint)
        case .after:
            let middle = b.add(norm(attention(&b, rows, x), 1), x)
            return b.add(norm(mlp(&b, middle), 2), middle, named: hint)
        }
    }

    private func attention(_ block: String, cache: String, _ recurrence: Recurrence) -> Attention {
        Attention(
            width: sizes.width, heads: sizes.heads, keyHeads: sizes.keyHeads, dimension: sizes.headDimension,
            rotary: rotary, projection: .whole("\(block).attn.Wqkv.weight"),
            bias: hasQueryKeyBias ? ("\(block).attn.qk_bias", [2, 1, sizes.heads, sizes.headDimension]) : nil,
            norms: norms == .after
                ? ("\(block).attn.q_norm.weight", "\(block).attn.k_norm.weight", sizes.normEpsilon) : nil,
            output: "\(block).attn.proj.weight", cache: cache, recurrence: recurrence)
    }
}
