import NumberFormats

/// The record of an operation: everything that other code has to know about it, written once.
///
/// The verifier asks it for the form and for the types in which results may be stored, the passes for purity and matrix
/// use, scheduling for the division of work, the cost model for floating point operations and bytes, and the inspection
/// page, `echelon opt --list-operations` and docs/ir.md for the texts. Two things need the operation itself and live in
/// switches of their own that the compiler checks to be exhaustive: the types of results (TypeInference.swift) and the
/// meaning (Interpreter.swift). The executor has the same record in C, and a test compares the two.
public struct OpcodeTraits: Sendable {
    /// The form of the text; nil for `repeat`, whose operands and results follow its body.
    public var signature: OpcodeSignature?
    /// The exact meaning. `x[i]` is row i of x, D the columns of a head, and `norm` and `silu` are the operations of
    /// those names.
    public var meaning: String
    /// The meaning in a few plain words.
    public var summary: String
    /// The group in which pages color and sort the operation.
    public var family: OpcodeFamily
    /// How the executor's threads share the work. It decides where they have to meet.
    public var division: WorkDivision
    /// How the first symbol is used where it is a matrix.
    public var matrix: MatrixUse?
    /// How the cache is used where the operation names one.
    public var cache: CacheUse?
    /// The element types, besides f32, in which results that are f32 by nature may be stored because a matrix reads
    /// them next.
    public var storableElements: [ElementType]
    /// The floating point operations in addition to those of a matrix product.
    public var flops: FlopCount
    /// Whether fusion makes the operation, and no architecture is written in it.
    public var isFused: Bool

    /// Whether the operation only computes its results from its operands and weights, so that it may be moved, merged,
    /// or dropped if nothing reads them. Operations on caches are not pure: their order matters.
    public var isPure: Bool { cache == nil && signature != nil }

    /// Whether the first operand is multiplied with the matrix that is the first symbol.
    public var readsMatrix: Bool { matrix == .multiplied }

    /// There is no default for a field in which forgetting an operation would be wrong.
    init(
        _ signature: OpcodeSignature?, _ meaning: String, summary: String, family: OpcodeFamily,
        division: WorkDivision, matrix: MatrixUse? = nil, cache: CacheUse? = nil, storable: [ElementType],
        flops: FlopCount, fused: Bool = false
    ) {
        self.signature = signature
        self.meaning = meaning
        self.summary = summary
        self.family = family
        self.division = division
        self.matrix = matrix
        self.cache = cache
        storableElements = storable
        self.flops = flops
        isFused = fused
    }
}

/// The groups in which pages color and sort operations.
public enum OpcodeFamily: String, Hashable, Sendable, CaseIterable, Codable {
    case matrix, attention, norm, move, other
}

/// How the executor's threads share one operation.
public enum WorkDivision: String, Hashable, Sendable, CaseIterable {
    /// Every thread computes its own contiguous share of the rows, from the same rows of the operands. The shares are
    /// the same in all such operations, so no thread reads what another writes.
    case rows
    /// Every thread reads all rows of the operands and computes some columns of each row of the result.
    case outputs
    /// Every thread takes pairs of a head and a block of rows.
    case pairs
    /// There is nothing to share.
    case nothing
}

/// How an operation uses a matrix.
public enum MatrixUse: Hashable, Sendable {
    /// The first operand is multiplied with it.
    case multiplied
    /// Some of its rows are looked up.
    case gathered
}

/// How an operation uses a cache.
public enum CacheUse: Hashable, Sendable {
    case read, write
}

/// The floating point operations of an operation for each row of the call. An addition, a multiplication, a division, a
/// comparison and one value of an elementary function are one operation each. Work that is done once a row and not once
/// a column (the root of a norm, a quotient of sums) is left out, and so are conversions and moves.
public enum FlopCount: Hashable, Sendable {
    case none
    /// This many for each column of the last result.
    case perResultColumn(Int)
    /// This many for each column of the first operand.
    case perOperandColumn(Int)
    /// This many for each output of the matrix.
    case perMatrixOutput(Int)
    /// This many for each column of the result and each position that the row attends to.
    case perResultColumnAndPosition(Int)
}

extension Opcode {
    /// The operation's record.
    public var traits: OpcodeTraits { Self.records[self] ?? record }

    /// The operation's form in the text, such as `%y = rope %x, %position {heads, base}`.
    public var form: String {
        traits.signature?.form(of: rawValue)
            ?? "%r, … = repeat COUNT (%carried = %first, …) : type, … { … yield %next, … }"
    }

    private static let records = Dictionary(uniqueKeysWithValues: allCases.map { ($0, $0.record) })

    private var record: OpcodeTraits {
        func form(
            _ operands: [String], _ symbols: [(name: String, kind: SymbolKind)] = [],
            _ attributes: [(name: String, kind: AttributeKind)] = [], results: [String] = ["y"], optional: Int = 0
        ) -> OpcodeSignature {
            OpcodeSignature(
                operands: operands, symbols: symbols, optionalSymbols: optional, attributes: attributes,
                results: results)
        }
        return switch self {
        case .embed:
            OpcodeTraits(
                form(["tokens"], [("w", .weight)], [("scale", .float)]),
                "y[i] = w[tokens[i]] · scale.",
                summary: "A row of a matrix for each token, scaled.",
                family: .matrix, division: .rows, matrix: .gathered, storable: [], flops: .perResultColumn(1))
        case .linear:
            OpcodeTraits(
                form(["x"], [("w", .weight)]),
                "y = x wᵀ, accumulated in f32. x has the element type that the format of w reads.",
                summary: "Matrix product y = x wᵀ, summed in f32.",
                family: .matrix, division: .outputs, matrix: .multiplied, storable: [], flops: .none)
        case .slice:
            OpcodeTraits(
                form(["x"], [], [("from", .integer), ("to", .integer)]),
                "y[i] = columns from ..< to of x[i].",
                summary: "Some of the columns.",
                family: .move, division: .rows, storable: [.bf16, .q8], flops: .none)
        case .concat:
            OpcodeTraits(
                form(["a", "b"]),
                "y[i] = the columns of a[i], then those of b[i].",
                summary: "The columns of both, side by side.",
                family: .move, division: .rows, storable: [], flops: .none)
        case .bias:
            OpcodeTraits(
                form(["x"], [("b", .weight)]),
                "y[i] = x[i] + b.",
                summary: "Adds a vector to every row.",
                family: .other, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(1))
        case .rope:
            OpcodeTraits(
                form(
                    ["x", "position"], [("frequencies", .weight)], [("heads", .integer), ("magnitude", .float)]),
                "The rotary embedding of interleaved pairs: in each head, the columns 2j and 2j + 1 turn by "
                    + "position[i] · frequencies[j] radians and are multiplied by magnitude. frequencies is `[D/2]`.",
                summary: "Rotary embedding: turns pairs of columns by the row's position.",
                // A pair of columns takes four multiplications and two additions.
                family: .attention, division: .rows, storable: [], flops: .perResultColumn(3))
        case .cacheWrite:
            OpcodeTraits(
                form(
                    ["k", "v", "slot", "position", "depth"], [("cache", .cache)], [("recurrence", .recurrence)],
                    results: []),
                "Stores k[i] and v[i] at position[i] of sequence slot[i], as those of recurrence depth[i] + recurrence.",
                summary: "Stores keys and values at the row's position of its sequence.",
                family: .attention, division: .rows, cache: .write, storable: [], flops: .none)
        case .wavefrontAttention:
            OpcodeTraits(
                form(
                    ["q", "slot", "position", "depth"], [("cache", .cache)],
                    [("heads", .integer), ("recurrence", .recurrence)]),
                "Causal attention of ragged rows: q[i] attends to the positions 0 … position[i] of sequence slot[i], in "
                    + "each head, with scale 1/√D, each as it was at recurrence depth[i] + recurrence. With G times as "
                    + "many heads as the cache has, head h reads the cache's head h / G.",
                summary: "Each row attends to the positions up to its own in its sequence.",
                // No thread sees the whole row that a q8 scale needs. A position takes a product and a sum for the
                // score, and both again for the weighted values.
                family: .attention, division: .pairs, cache: .read, storable: [.bf16],
                flops: .perResultColumnAndPosition(4))
        case .norm:
            OpcodeTraits(
                form(["x"], [("w", .weight)], [("eps", .float)]),
                "RMSNorm: y[i] = x[i] / √(mean(x[i]²) + eps) · w.",
                summary: "RMSNorm.",
                // A square and a sum; two multiplications.
                family: .norm, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(4))
        case .add:
            OpcodeTraits(
                form(["a", "b"]),
                "y = a + b.",
                summary: "Sum.",
                family: .other, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(1))
        case .silu:
            OpcodeTraits(
                form(["x"]),
                "y = x / (1 + e^−x).",
                summary: "x / (1 + e⁻ˣ).",
                // A sign, an exponential, an addition and a division.
                family: .other, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(4))
        case .sigmoid:
            OpcodeTraits(
                form(["x"]),
                "y = 1 / (1 + e^−x).",
                summary: "1 / (1 + e⁻ˣ).",
                // A sign, an exponential, an addition and a division.
                family: .other, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(4))
        case .multiply:
            OpcodeTraits(
                form(["a", "b"]),
                "y = a · b, element by element.",
                summary: "Product, element by element.",
                family: .other, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(1))
        case .mix:
            OpcodeTraits(
                form(["a", "b", "p", "q"]),
                "y[i] = p[i] · a[i] + q[i] · b[i], with p and q `f32[rows]`; p[i] · a[i] alone where q[i] is 0.",
                summary: "p · a + q · b, with two numbers a row.",
                family: .other, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(3))
        case .start:
            OpcodeTraits(
                form(["fresh", "state", "depth"]),
                "y[i] = fresh[i] where depth[i] is 0, else state[i].",
                summary: "The first state of a row that starts, and the state that it has had of any other.",
                family: .move, division: .rows, storable: [.bf16, .q8], flops: .none)
        case .argmax:
            OpcodeTraits(
                form(["x"], results: ["t"]),
                "t[i] = the column of the largest element of x[i], the first of equals; −1 if an element is NaN or +∞, or all "
                    + "are −∞; `i32[rows]`.",
                summary: "The column of the largest element.",
                family: .other, division: .rows, storable: [], flops: .perOperandColumn(1))
        case .relativeDifference:
            OpcodeTraits(
                form(["a", "b"], results: ["d"]),
                "d[i] = ‖a[i] − b[i]‖ / ‖a[i]‖ in the Euclidean norm; `f32[rows]`.",
                summary: "‖a − b‖ / ‖a‖ of each row.",
                // A difference and two sums of squares.
                family: .other, division: .rows, storable: [], flops: .perOperandColumn(5))
        case .convert:
            OpcodeTraits(
                form(["x"]),
                "y = x in the element type of the result, bf16 or q8, rounded to nearest with ties to even.",
                summary: "Stores a row in the format that a matrix reads.",
                family: .move, division: .rows, storable: [.bf16, .q8], flops: .none)
        case .repeat:
            OpcodeTraits(
                nil,
                "Runs its body COUNT times, a number or `recurrences`, and carries values from one iteration to the next.",
                summary: "A loop with carried values.",
                family: .other, division: .nothing, storable: [], flops: .none)
        case .projectRopeWrite:
            OpcodeTraits(
                form(
                    ["x", "slot", "position", "depth"],
                    [("w", .weight), ("frequencies", .weight), ("cache", .cache), ("b", .weight)],
                    [("heads", .integer), ("magnitude", .float), ("recurrence", .recurrence)], results: ["q"],
                    optional: 1),
                "x wᵀ gives queries, keys and values side by side. Queries and keys get the bias b, if there is one, and "
                    + "the rotary embedding; keys and values go to the cache; the result is the queries.",
                summary: "Queries, keys and values: product, bias, rotary embedding and cache write in one.",
                // Bias and rotation of a query and of a key. Where heads share keys, keys are fewer.
                family: .matrix, division: .outputs, matrix: .multiplied, cache: .write, storable: [],
                flops: .perResultColumn(2 * (1 + 3)), fused: true)
        case .linearSiluGate:
            OpcodeTraits(
                form(["x"], [("w", .weight)]),
                "With w `[2N,K]`: silu of the first N columns of x wᵀ, times the last N.",
                summary: "Product with gate and up projections, silu of the one times the other, in one.",
                // No thread sees the whole row that a q8 scale needs.
                family: .matrix, division: .outputs, matrix: .multiplied, storable: [.bf16],
                flops: .perResultColumn(4 + 1), fused: true)
        case .addNorm:
            OpcodeTraits(
                form(["a", "b"], [("w", .weight)], [("eps", .float)]),
                "y = norm(a + b, w).",
                summary: "Norm of a sum.",
                family: .norm, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(5), fused: true)
        case .addNormNorm:
            OpcodeTraits(
                form(
                    ["a", "b"], [("v", .weight), ("w", .weight)], [("eps", .float)], results: ["x", "y"]),
                "x = norm(a + b, v); y = norm(x, w).",
                summary: "Norm of a sum, and the norm of that.",
                family: .norm, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(9), fused: true)
        case .addKeepNorm:
            OpcodeTraits(
                form(["a", "b"], [("w", .weight)], [("eps", .float)], results: ["x", "y"]),
                "x = a + b; y = norm(x, w).",
                summary: "A sum, kept, and its norm.",
                family: .norm, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(5), fused: true)
        case .normAdd:
            OpcodeTraits(
                form(["a", "b"], [("w", .weight)], [("eps", .float)]),
                "y = norm(a, w) + b.",
                summary: "A norm, added to a row.",
                family: .norm, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(5), fused: true)
        case .normAddKeepNorm:
            OpcodeTraits(
                form(
                    ["a", "b"], [("v", .weight), ("w", .weight)], [("eps", .float)], results: ["x", "y"]),
                "x = norm(a, v) + b; y = norm(x, w).",
                summary: "A norm added to a row, kept, and the norm of that.",
                family: .norm, division: .rows, storable: [.bf16, .q8], flops: .perResultColumn(9), fused: true)
        case .linearArgmax:
            OpcodeTraits(
                form(["x"], [("w", .weight)], results: ["t"]),
                "t = argmax(x wᵀ); the product is never stored.",
                summary: "Head and argmax in one: logits are never stored.",
                family: .matrix, division: .outputs, matrix: .multiplied, storable: [], flops: .perMatrixOutput(1),
                fused: true)
        case .normRopeWrite:
            OpcodeTraits(
                form(
                    ["qkv", "slot", "position", "depth"],
                    [("v", .weight), ("w", .weight), ("frequencies", .weight), ("cache", .cache)],
                    [("heads", .integer), ("eps", .float), ("recurrence", .recurrence)], results: ["q"]),
                "qkv has queries, keys and values side by side. Queries become norm(·, v) and keys norm(·, w), over all "
                    + "their heads, and both get the rotary embedding; keys and values go to the cache; the result is the "
                    + "queries.",
                summary: "Norms of queries and keys, rotary embedding and cache write in one.",
                // Norm and rotation of a query and of a key. Where heads share keys, keys are fewer.
                family: .attention, division: .rows, cache: .write, storable: [], flops: .perResultColumn(2 * (4 + 3)),
                fused: true)
        }
    }
}
