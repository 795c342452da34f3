import Checkpoints
import IR

/// The Huginn architecture (arXiv 2502.05171, section 3) as functions of the IR.
///
/// Twelve functions share the weights and caches: four computations, each with three heads.
///
/// | computation | parameters | returns |
/// |---|---|---|
/// | `prefill`, `decode` | tokens, slot, position, depth, state | state, embeddings |
/// | `step` | those, and previous embeddings, noise and four coefficients a row | state, embeddings, difference |
/// | `resume` | slot, position, depth, state, embeddings | state |
///
/// | head | returns in addition |
/// |---|---|
/// | none | token |
/// | `.logits` | logits, and before them the latents of a `prefill` |
/// | `.state` | nothing: neither coda nor head run |
///
/// `prefill` and `decode` mean the same. They have two names because they are compiled differently: a single row gains
/// from an unrolled tape, and the many rows of a prompt do not. `resume` goes on with the states and embeddings that an
/// earlier call returned, so that a position can stop at any recurrence without another prelude.
public struct HuginnModule {
    public let configuration: HuginnConfiguration

    public init(_ configuration: HuginnConfiguration) { self.configuration = configuration }

    /// All functions, verified.
    public func module() throws -> Module {
        var module = Module(weights: weights, caches: caches)
        for head in [Head.token, .logits, .state] {
            module.functions.append(try forward("prefill", head, returnsLatents: head == .logits, in: module))
            module.functions.append(try forward("decode", head, returnsLatents: false, in: module))
            module.functions.append(try step(head, in: module))
            module.functions.append(try resume(head, in: module))
        }
        return module
    }

    /// What a function computes from the states that its recurrences end with.
    private enum Head: String {
        case token = ""
        case logits = ".logits"
        case state = ".state"
    }

    // MARK: Weights and caches

    private enum Group: String, CaseIterable {
        case prelude, core = "core_block", coda
    }

    private func blocks(_ group: Group) -> Int {
        switch group {
        case .prelude: configuration.preludeBlocks
        case .core: configuration.coreBlocks
        case .coda: configuration.codaBlocks
        }
    }

    /// The name of the embedding's matrix.
    public static let embedding = "transformer.wte.weight"
    private static let adapter = "transformer.adapter.weight"
    private static let finalNorm = "transformer.ln_f.weight"
    /// The name of the head's matrix, which is the embedding's if the checkpoint ties them.
    public var head: String { configuration.tiesEmbeddings ? Self.embedding : "lm_head.weight" }

    /// Every tensor that the model reads, group by group in the order of a call. A bias of shape (2, 1, H, D) is one
    /// vector of 2E here: those of all queries, then those of all keys.
    public var weights: [Weight] {
        let (e, i) = (configuration.width, configuration.intermediate)
        var weights = [Weight(Self.embedding, .fixed(.f32, configuration.vocabulary, e))]
        for group in Group.allCases {
            if group == .core { weights.append(Weight(Self.adapter, .fixed(.f32, e, 2 * e))) }
            if group == .coda { weights.append(Weight(Self.finalNorm, .fixed(.f32, e))) }
            for block in 0..<blocks(group) {
                let prefix = "transformer.\(group.rawValue).\(block)"
                weights += [
                    Weight("\(prefix).norm_1.weight", .fixed(.f32, e)),
                    Weight("\(prefix).attn.Wqkv.weight", .fixed(.f32, 3 * e, e)),
                    Weight("\(prefix).attn.proj.weight", .fixed(.f32, e, e)),
                    Weight("\(prefix).norm_2.weight", .fixed(.f32, e)),
                    Weight("\(prefix).norm_3.weight", .fixed(.f32, e)),
                    Weight("\(prefix).mlp.fc.weight", .fixed(.f32, 2 * i, e)),
                    Weight("\(prefix).mlp.proj.weight", .fixed(.f32, e, i)),
                    Weight("\(prefix).norm_4.weight", .fixed(.f32, e)),
                ]
                if configuration.hasQueryKeyBias {
                    weights.append(Weight("\(prefix).attn.qk_bias", .fixed(.f32, 2 * e)))
                }
            }
        }
        if !configuration.tiesEmbeddings { weights.append(Weight(head, .fixed(.f32, configuration.vocabulary, e))) }
        return weights
    }

    /// The shape in which the checkpoint stores a tensor.
    public func storedShape(of weight: Weight) -> [Int] {
        if weight.name.hasSuffix(".qk_bias") { return [2, 1, configuration.heads, configuration.headDimension] }
        return weight.type.shape.compactMap { extent in if case .fixed(let n) = extent { n } else { nil } }
    }

    private var caches: [Cache] {
        Group.allCases.flatMap { group in
            (0..<blocks(group)).map { block in
                Cache(
                    "\(group.rawValue).\(block)", .fixed(.f32, configuration.heads, configuration.headDimension),
                    isRecurrent: group == .core)
            }
        }
    }

    // MARK: Functions

    /// The parameters that every function has. Those that compute the prelude have tokens too.
    private struct Rows {
        var slot: Value
        var position: Value
        var depth: Value
        var state: Value

        init(_ b: inout FunctionBuilder, width: Int) {
            slot = b.parameter("slot", .rows(.i32))
            position = b.parameter("position", .rows(.i32))
            depth = b.parameter("depth", .rows(.i32))
            state = b.parameter("state", .rows(.f32, width))
        }
    }

    private func forward(_ name: String, _ head: Head, returnsLatents: Bool, in module: Module) throws -> Function {
        var b = FunctionBuilder(name: name + head.rawValue, module: module)
        let tokens = b.parameter("tokens", .rows(.i32))
        let rows = Rows(&b, width: configuration.width)
        let embedded = prelude(&b, tokens, rows)
        let state = recurrences(&b, rows, from: rows.state, input: embedded)
        let (latents, output) = coda(&b, rows, state, head)
        b.return([state, embedded] + (returnsLatents ? latents : []) + output)
        return try b.finish()
    }

    /// One step of diffusion forcing, steps 1 to 4 of Algorithm 2 in arXiv 2510.14961, and the δ that step 6 compares.
    private func step(_ head: Head, in module: Module) throws -> Function {
        var b = FunctionBuilder(name: "step" + head.rawValue, module: module)
        let tokens = b.parameter("tokens", .rows(.i32))
        let rows = Rows(&b, width: configuration.width)
        let previous = b.parameter("previous", .rows(.f32, configuration.width))
        let noise = b.parameter("noise", .rows(.f32, configuration.width))
        let embeddingNew = b.parameter("embedding_new", .rows(.f32))
        let embeddingOld = b.parameter("embedding_old", .rows(.f32))
        let stateOld = b.parameter("state_old", .rows(.f32))
        let stateNoise = b.parameter("state_noise", .rows(.f32))

        let fresh = prelude(&b, tokens, rows)
        let embedded = b.mix(fresh, previous, embeddingNew, embeddingOld, named: "embeddings")
        let noisy = b.mix(rows.state, noise, stateOld, stateNoise, named: "noisy")
        let state = recurrences(&b, rows, from: noisy, input: embedded)
        let difference = b.relativeDifference(state, rows.state, named: "difference")
        b.return([state, embedded, difference] + coda(&b, rows, state, head).output)
        return try b.finish()
    }

    /// More recurrences on the states of an earlier call, which also returned the prelude's outputs.
    private func resume(_ head: Head, in module: Module) throws -> Function {
        var b = FunctionBuilder(name: "resume" + head.rawValue, module: module)
        let rows = Rows(&b, width: configuration.width)
        let embedded = b.parameter("embeddings", .rows(.f32, configuration.width))
        let state = recurrences(&b, rows, from: rows.state, input: embedded)
        b.return([state] + coda(&b, rows, state, head).output)
        return try b.finish()
    }

    /// Embedding and prelude blocks: the input e of every recurrence.
    private func prelude(_ b: inout FunctionBuilder, _ tokens: Value, _ rows: Rows) -> Value {
        let scale = Float(configuration.width).squareRoot()
        var x = b.embed(tokens, Self.embedding, scale: scale, named: "embedded")
        for block in 0..<configuration.preludeBlocks { x = sandwich(&b, rows, x, .prelude, block, .number(0)) }
        return x
    }

    /// The core loop: s ← core(adapter([s ; e])), for the caller's number of recurrences.
    private func recurrences(_ b: inout FunctionBuilder, _ rows: Rows, from initial: Value, input: Value) -> Value {
        b.repeat(count: .recurrences, carrying: [initial], named: ["s"]) { b, carried in
            var x = b.linear(b.concat(carried[0], input, named: "joined"), Self.adapter, named: "adapted")
            for block in 0..<configuration.coreBlocks { x = sandwich(&b, rows, x, .core, block, .induction) }
            return [x]
        }[0]
    }

    /// The end of a function: ln_f, the coda blocks, ln_f again with the same weight, and the head; nothing for a
    /// function that returns states only.
    private func coda(
        _ b: inout FunctionBuilder, _ rows: Rows, _ state: Value, _ head: Head
    ) -> (latents: [Value], output: [Value]) {
        if head == .state { return ([], []) }
        let latents = b.norm(state, Self.finalNorm, eps: Float(configuration.normEpsilon), named: "latents")
        var x = latents
        for block in 0..<configuration.codaBlocks { x = sandwich(&b, rows, x, .coda, block, .number(0)) }
        let logits = b.linear(
            b.norm(x, Self.finalNorm, eps: Float(configuration.normEpsilon), named: "final"), self.head, named: "logits"
        )
        return ([latents], [head == .logits ? logits : b.argmax(logits, named: "token")])
    }

    /// A block: x ← norm_2(attention(norm_1(x)) + x); x ← norm_4(mlp(norm_3(x)) + x).
    private func sandwich(
        _ b: inout FunctionBuilder, _ rows: Rows, _ x: Value, _ group: Group, _ block: Int, _ recurrence: Recurrence
    ) -> Value {
        let prefix = "transformer.\(group.rawValue).\(block)"
        let cache = "\(group.rawValue).\(block)"
        let (e, i) = (configuration.width, configuration.intermediate)
        let eps = Float(configuration.normEpsilon)

        let qkv = b.linear(
            b.norm(x, "\(prefix).norm_1.weight", eps: eps), "\(prefix).attn.Wqkv.weight", named: "qkv")
        let queriesAndKeys = b.slice(qkv, 0..<2 * e)
        let biased =
            configuration.hasQueryKeyBias ? b.bias(queriesAndKeys, "\(prefix).attn.qk_bias") : queriesAndKeys
        func turned(_ columns: Range<Int>, _ name: String) -> Value {
            b.rope(
                b.slice(biased, columns), rows.position, heads: configuration.heads,
                base: Float(configuration.ropeBase), named: name)
        }
        let queries = turned(0..<e, "q")
        let keys = turned(e..<2 * e, "k")
        let values = b.slice(qkv, 2 * e..<3 * e, named: "v")
        b.cacheWrite(
            keys, values, slot: rows.slot, position: rows.position, depth: rows.depth, cache, recurrence: recurrence)
        let mixed = b.wavefrontAttention(
            queries, slot: rows.slot, position: rows.position, depth: rows.depth, cache, heads: configuration.heads,
            recurrence: recurrence, named: "attention")
        let attended = b.linear(mixed, "\(prefix).attn.proj.weight")
        let middle = b.norm(b.add(attended, x), "\(prefix).norm_2.weight", eps: eps)

        let widened = b.linear(
            b.norm(middle, "\(prefix).norm_3.weight", eps: eps), "\(prefix).mlp.fc.weight", named: "widened")
        let gated = b.multiply(b.silu(b.slice(widened, 0..<i)), b.slice(widened, i..<2 * i), named: "gated")
        let narrowed = b.linear(gated, "\(prefix).mlp.proj.weight")
        return b.norm(b.add(narrowed, middle), "\(prefix).norm_4.weight", eps: eps, named: "\(group)\(block)")
    }
}
