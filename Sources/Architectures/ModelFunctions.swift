import IR
import Plans

/// Composes the functions of a plan of the parts of a model.
///
/// Four computations, each with three heads, share the weights and caches:
///
/// | computation | parameters | results |
/// |---|---|---|
/// | `prefill`, `decode` | tokens, slot, position, depth, state | state, embeddings |
/// | `step` | those, and previous embeddings, noise and four coefficients a row | state, embeddings, difference |
/// | `resume` | slot, position, depth, state, embeddings | state |
///
/// | head | results in addition |
/// |---|---|
/// | none | token |
/// | `.logits` | logits, and the latents of a `prefill` |
/// | `.state` | nothing: neither coda nor head run |
///
/// With the last two heads, models that have an exit gate also return its output, `exit_gate`.
///
/// `prefill` and `decode` mean the same. They have two names because they are compiled differently: a single row gains
/// from an unrolled tape, and the many rows of a prompt do not. `resume` goes on with the states and embeddings that an
/// earlier call returned, so that a position can stop at any recurrence without another prelude.
///
/// `step` is one step of diffusion forcing. Only models that read the prelude's output in every recurrence have it. In
/// other models a position of depth 0 starts from that output, whatever its state.
struct ModelFunctions {
    let graph: any LoopedGraph
    let injectsInput: Bool

    init(_ graph: any LoopedGraph, injectsInput: Bool) {
        self.graph = graph
        self.injectsInput = injectsInput
    }

    /// All functions, verified.
    func module() throws -> Module {
        var module = Module()
        for head in FunctionName.Head.allCases {
            for kind in FunctionName.Kind.allCases where injectsInput || kind != .step {
                var b = FunctionBuilder(name: FunctionName(kind, head).description, module: module)
                switch kind {
                case .prefill, .decode: forward(&b, head, returnsLatents: kind == .prefill && head == .logits)
                case .step: step(&b, head)
                case .resume: resume(&b, head)
                }
                let function = try b.finish()
                module = b.module
                module.functions.append(function)
            }
        }
        return module
    }

    private func forward(_ b: inout FunctionBuilder, _ head: FunctionName.Head, returnsLatents: Bool) {
        let tokens = b.parameter("tokens", .rows(.i32))
        let rows = RowParameters(&b, width: graph.width)
        let embedded = graph.prelude(&b, rows, tokens: tokens)
        let first = injectsInput ? rows.state : b.start(embedded, rows.state, depth: rows.depth, named: "started")
        let state = recurrences(&b, rows, from: first, input: embedded)
        finish(
            &b, rows, state, head, returnsLatents: returnsLatents,
            results: [NamedResult("state", state), NamedResult("embeddings", embedded)])
    }

    /// One step of diffusion forcing, steps 1 to 4 of Algorithm 2 in arXiv 2510.14961, and the δ that step 6 compares.
    private func step(_ b: inout FunctionBuilder, _ head: FunctionName.Head) {
        let tokens = b.parameter("tokens", .rows(.i32))
        let rows = RowParameters(&b, width: graph.width)
        let previous = b.parameter("previous", .rows(.f32, graph.width))
        let noise = b.parameter("noise", .rows(.f32, graph.width))
        let embeddingNew = b.parameter("embedding_new", .rows(.f32))
        let embeddingOld = b.parameter("embedding_old", .rows(.f32))
        let stateOld = b.parameter("state_old", .rows(.f32))
        let stateNoise = b.parameter("state_noise", .rows(.f32))

        let fresh = graph.prelude(&b, rows, tokens: tokens)
        let embedded = b.mix(fresh, previous, embeddingNew, embeddingOld, named: "embeddings")
        let noisy = b.mix(rows.state, noise, stateOld, stateNoise, named: "noisy")
        let state = recurrences(&b, rows, from: noisy, input: embedded)
        let difference = b.relativeDifference(state, rows.state, named: "difference")
        finish(
            &b, rows, state, head, returnsLatents: false,
            results: [
                NamedResult("state", state), NamedResult("embeddings", embedded),
                NamedResult("difference", difference),
            ])
    }

    /// More recurrences on the states of an earlier call, which also returned the prelude's outputs.
    private func resume(_ b: inout FunctionBuilder, _ head: FunctionName.Head) {
        let rows = RowParameters(&b, width: graph.width)
        let embedded = b.parameter("embeddings", .rows(.f32, graph.width))
        let state = recurrences(&b, rows, from: rows.state, input: embedded)
        finish(&b, rows, state, head, returnsLatents: false, results: [NamedResult("state", state)])
    }

    /// The caller's number of recurrences.
    private func recurrences(
        _ b: inout FunctionBuilder, _ rows: RowParameters, from initial: Value, input: Value
    ) -> Value {
        b.repeat(count: .recurrences, carrying: [initial], named: ["s"]) { b, carried in
            [graph.recurrence(&b, rows, state: carried[0], input: input)]
        }[0]
    }

    /// The end of a function: what the head asks for.
    private func finish(
        _ b: inout FunctionBuilder, _ rows: RowParameters, _ state: Value, _ head: FunctionName.Head,
        returnsLatents: Bool, results: [NamedResult]
    ) {
        var results = results
        if head != .state {
            let latents = graph.latents(&b, of: state)
            let logits = graph.logits(&b, rows, state: state, latents: latents)
            if returnsLatents { results.append(NamedResult("latents", latents)) }
            results.append(
                head == .logits ? NamedResult("logits", logits) : NamedResult("token", b.argmax(logits, named: "token"))
            )
        }
        if head != .token, let gate = graph.exitGate(&b, of: state) {
            results.append(NamedResult("exit_gate", gate))
        }
        b.return(results)
    }
}
