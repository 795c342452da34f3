import IR

/// A stack of layers with Llama's names that runs several times, with the last norm after every loop or after the last
/// one. Positions start from their embedding.
struct LlamaLoopGraph: LoopedGraph {
    var configuration: LlamaConfiguration
    var stack: LlamaStack
    /// Whether the next loop reads the normed state.
    var normsEveryLoop: Bool
    /// The name of a gate's matrix `[1,E]`, which has a bias `[1]`, without `.weight` and `.bias`; nil if there is none.
    var gate: String?

    var width: Int { configuration.width }

    func prelude(_ b: inout FunctionBuilder, _ rows: RowParameters, tokens: Value) -> Value {
        let matrix = b.weight(
            configuration.vocabularyMatrices.embedding, configuration.vocabulary, configuration.width)
        return b.embed(tokens, matrix, scale: 1, named: "embedded")
    }

    func recurrence(_ b: inout FunctionBuilder, _ rows: RowParameters, state: Value, input: Value) -> Value {
        let x = stack(&b, rows, state)
        return normsEveryLoop ? lastNorm(&b, x) : x
    }

    func latents(_ b: inout FunctionBuilder, of state: Value) -> Value {
        normsEveryLoop ? state : lastNorm(&b, state)
    }

    func exitGate(_ b: inout FunctionBuilder, of state: Value) -> Value? {
        guard let gate else { return nil }
        let product = b.linear(state, b.weight("\(gate).weight", 1, configuration.width))
        return b.sigmoid(b.bias(product, b.weight("\(gate).bias", 1)), named: "exit_gate")
    }

    func logits(_ b: inout FunctionBuilder, _ rows: RowParameters, state: Value, latents: Value) -> Value {
        let head = b.weight(configuration.vocabularyMatrices.head, configuration.vocabulary, configuration.width)
        return b.linear(latents, head, named: "logits")
    }

    private func lastNorm(_ b: inout FunctionBuilder, _ x: Value) -> Value {
        b.norm(
            x, b.weight("model.norm.weight", configuration.width), eps: Float(configuration.normEpsilon),
            named: "normed")
    }
}
