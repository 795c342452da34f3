import IR

/// The layers of a model whose tensors have Llama's names, `model.layers.0.self_attn.q_proj.weight` and so on. Each runs
/// once a loop.
struct LlamaStack {
    /// The place of the norms of a layer.
    enum Norms {
        /// x += attention(norm(x)); x += mlp(norm(x)).
        case before
        /// x += norm(attention(norm(x))); x += norm(mlp(norm(x))).
        case around
    }

    var configuration: LlamaConfiguration
    var rotary: RotaryEmbedding
    var norms: Norms

    /// Appends all layers over `x`.
    func callAsFunction(_ b: inout FunctionBuilder, _ rows: RowParameters, _ x: Value) -> Value {
        (0..<configuration.layers).reduce(x) { layer(&b, rows, $0, $1) }
    }

    private func layer(_ b: inout FunctionBuilder, _ rows: RowParameters, _ x: Value, _ number: Int) -> Value {
        let (width, eps) = (configuration.width, Float(configuration.normEpsilon))
        let layer = "model.layers.\(number)"
        func norm(_ x: Value, _ name: String, named hint: String? = nil) -> Value {
            b.norm(x, b.weight("\(layer).\(name).weight", width), eps: eps, named: hint)
        }
        let attention = Attention(
            width: width, heads: configuration.heads, keyHeads: configuration.keyHeads,
            dimension: configuration.headDimension, rotary: rotary,
            projection: .parts(
                ["q_proj", "k_proj", "v_proj"].map { "\(layer).self_attn.\($0).weight" },
                as: "\(layer).self_attn.qkv_proj.weight"),
            output: "\(layer).self_attn.o_proj.weight", cache: "layers.\(number)", recurrence: .induction)
        let mlp = GatedMLP(
            width: width, intermediate: configuration.intermediate,
            widening: .parts(
                ["gate_proj", "up_proj"].map { "\(layer).mlp.\($0).weight" }, as: "\(layer).mlp.gate_up_proj.weight"),
            narrowing: "\(layer).mlp.down_proj.weight")

        var attended = attention(&b, rows, norm(x, "input_layernorm"))
        if norms == .around { attended = norm(attended, "input_layernorm_2") }
        let middle = b.add(attended, x)
        var narrowed = mlp(&b, norm(middle, "post_attention_layernorm"))
        if norms == .around { narrowed = norm(narrowed, "post_attention_layernorm_2") }
        return b.add(narrowed, middle, named: "layer\(number)")
    }
}
