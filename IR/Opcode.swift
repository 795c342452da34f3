/// Every operation of the IR. None knows a model: an architecture is what a function makes of them.
///
/// In the notes, `x[i]` is row i, `slot` and `position` are `i32[rows]`, K is a row's width, and a weight `@w : [N,K]`
/// maps rows of width K to rows of width N.
public enum Opcode: String, Hashable, Sendable, CaseIterable {
    // MARK: What an architecture is written in

    /// `%y = embed %tokens, @w {scale}`: y[i] = w[tokens[i]] · scale.
    case embed
    /// `%y = linear %x, @w`: y = x wᵀ, accumulated in f32. x has the element type of w, or q8 when that is q4.
    case linear
    /// `%y = slice %x {from, to}`: columns from ..< to of every row.
    case slice
    /// `%y = concat %a, %b`: the columns of a, then those of b.
    case concat
    /// `%y = bias %x, @b`: y[i] = x[i] + b, with `@b : f32[K]`.
    case bias
    /// `%y = rope %x, %position {heads, base}`: the rotary embedding of interleaved pairs. Within each head of
    /// D = K / heads columns, the pair (2j, 2j+1) turns by position · base^(−2j/D) radians.
    case rope
    /// `cache_write %k, %v, %slot, %position, @cache {recurrence}`: stores row i of k and v at position[i] of sequence
    /// slot[i]. A `recurrent` cache keeps one entry per recurrence modulo the caller's budget; others keep one.
    case cacheWrite = "cache_write"
    /// `%y = wavefront_attention %q, %slot, %position, @cache {heads, recurrence}`: causal attention of ragged rows.
    /// Row i attends to positions 0 … position[i] of its own sequence, in every head of D columns, with scale 1/√D.
    case wavefrontAttention = "wavefront_attention"
    /// `%y = norm %x, @w {eps}`: RMSNorm, y[i] = x[i] / √(mean(x[i]²) + eps) · w.
    case norm
    /// `%y = add %a, %b`.
    case add
    /// `%y = silu %x`: x / (1 + e^−x).
    case silu
    /// `%y = multiply %a, %b`, element by element.
    case multiply
    /// `%y = mix %a, %b, %p, %q`: y[i] = p[i] · a[i] + q[i] · b[i], with `%p, %q : f32[rows]`.
    case mix
    /// `%t = argmax %x`: the column of each row's largest element, the first of equals; `i32[rows]`.
    case argmax
    /// `%d = relative_difference %a, %b`: ‖a[i] − b[i]‖ / ‖a[i]‖ in the Euclidean norm; `f32[rows]`.
    case relativeDifference = "relative_difference"
    /// `%y = convert %x`: to the result's element type, bf16 or q8, rounding to nearest, ties to even.
    case convert
    /// `%r, … = repeat COUNT (%carried = %first, …) : type, … { … yield %next, … }`.
    case `repeat`

    // MARK: What fusion makes of them

    /// `%q = project_rope_write %x, %slot, %position, @w, @b, @cache {heads, base, recurrence}`: x wᵀ gives queries,
    /// keys and values side by side; queries and keys get the bias `@b : f32[2K]` and the rotary embedding; keys and
    /// values go to the cache. The result is the queries.
    case projectRopeWrite = "project_rope_write"
    /// `%y = linear_silu_gate %x, @w`: with `@w : [2N,K]`, silu of the first N columns of x wᵀ times the last N.
    case linearSiluGate = "linear_silu_gate"
    /// `%y = add_norm %a, %b, @w {eps}`: norm of a + b.
    case addNorm = "add_norm"
    /// `%x, %y = add_norm_norm %a, %b, @v, @w {eps}`: x = norm of a + b with weight v; y = norm of x with weight w.
    case addNormNorm = "add_norm_norm"
    /// `%x, %y = add_keep_norm %a, %b, @w {eps}`: x = a + b; y = norm of x.
    case addKeepNorm = "add_keep_norm"
    /// `%t = linear_argmax %x, @w`: argmax of x wᵀ without storing it.
    case linearArgmax = "linear_argmax"
}

/// What a symbol operand names.
public enum SymbolKind: Hashable, Sendable {
    case weight, cache
}

/// What kind of constant an attribute is.
public enum AttributeKind: Hashable, Sendable {
    case integer, float, recurrence
}

/// The fixed part of an opcode's form: how many operands and results, which symbols, which attributes.
public struct OpcodeSignature: Sendable {
    public var operands: Int
    /// What the names after the operands have to name, in order.
    public var symbols: [SymbolKind]
    /// In the order in which the text form prints them.
    public var attributes: [(name: String, kind: AttributeKind)]
    public var results: Int
}

extension Opcode {
    /// The opcode's form; nil for `repeat`, whose operands and results follow its body.
    public var signature: OpcodeSignature? {
        func form(
            _ operands: Int, _ symbols: [SymbolKind] = [], _ attributes: [(name: String, kind: AttributeKind)] = [],
            results: Int = 1
        ) -> OpcodeSignature {
            OpcodeSignature(operands: operands, symbols: symbols, attributes: attributes, results: results)
        }
        return switch self {
        case .embed: form(1, [.weight], [("scale", .float)])
        case .linear: form(1, [.weight])
        case .slice: form(1, [], [("from", .integer), ("to", .integer)])
        case .concat: form(2)
        case .bias: form(1, [.weight])
        case .rope: form(2, [], [("heads", .integer), ("base", .float)])
        case .cacheWrite: form(4, [.cache], [("recurrence", .recurrence)], results: 0)
        case .wavefrontAttention: form(3, [.cache], [("heads", .integer), ("recurrence", .recurrence)])
        case .norm: form(1, [.weight], [("eps", .float)])
        case .add, .multiply: form(2)
        case .silu, .argmax, .convert: form(1)
        case .mix: form(4)
        case .relativeDifference: form(2)
        case .repeat: nil
        case .projectRopeWrite:
            form(
                3, [.weight, .weight, .cache],
                [("heads", .integer), ("base", .float), ("recurrence", .recurrence)])
        case .linearSiluGate, .linearArgmax: form(1, [.weight])
        case .addNorm: form(2, [.weight], [("eps", .float)])
        case .addNormNorm: form(2, [.weight, .weight], [("eps", .float)], results: 2)
        case .addKeepNorm: form(2, [.weight], [("eps", .float)], results: 2)
        }
    }

    /// Whether the operation only computes its results from its operands and weights, so that it may be moved,
    /// merged, or dropped when nothing reads them. Operations on caches are not pure: their order matters.
    public var isPure: Bool {
        switch self {
        case .cacheWrite, .wavefrontAttention, .projectRopeWrite, .repeat: false
        default: true
        }
    }
}
