/// What the executor is told: for each compiled function a static tape of instructions over planned buffers, and the
/// weights and caches that the tapes refer to by number.
public struct Schedule: Codable, Hashable, Sendable {
    public var weights: [ScheduledWeight]
    public var caches: [ScheduledCache]
    public var functions: [ScheduledFunction]

    public init(weights: [ScheduledWeight], caches: [ScheduledCache], functions: [ScheduledFunction]) {
        self.weights = weights
        self.caches = caches
        self.functions = functions
    }
}

/// How a weight is stored in the plan. `docs/plan-format.md` has the layouts.
public enum WeightFormat: String, Codable, Hashable, Sendable, CaseIterable {
    /// Row-major floats, as OpenBLAS reads them. Vectors (norms, biases) are always f32.
    case f32
    /// bf16 in packed strips of 32 outputs.
    case bf16
    /// Integers from −127 to 127 in packed strips of 32 outputs, with an f32 scale for each output.
    case int8
    /// Integers from −8 to 7 in packed strips of 32 outputs, with a bf16 scale for every 32 inputs of an output.
    case int4
}

/// One weight of a plan: a matrix of `rows` outputs by `columns` inputs, or a vector (`rows` is 1).
public struct ScheduledWeight: Codable, Hashable, Sendable {
    /// Also the name of its tensor in the plan file.
    public var name: String
    public var format: WeightFormat
    /// N, the outputs; 1 for a vector.
    public var rows: Int
    /// K, the inputs.
    public var columns: Int

    public init(name: String, format: WeightFormat, rows: Int, columns: Int) {
        self.name = name
        self.format = format
        self.rows = rows
        self.columns = columns
    }

    /// The weight's size in the plan file, in bytes; nil when it overflows or an extent is negative.
    public var byteCount: Int? {
        switch format {
        case .f32: product(rows, columns, 4)
        case .bf16: product(roundedUp(rows, PackedBF16.block), roundedUp(columns, PackedBF16.block), 2)
        // To the codes of a row, its scale.
        case .int8: product(roundedUp(rows, PackedInt8.strip), sum(roundedUp(columns, PackedInt8.block), 4))
        case .int4:
            product(
                roundedUp(rows, PackedInt4.strip).map { $0 / PackedInt4.strip },
                roundedUp(columns, PackedInt4.block).map { $0 / PackedInt4.block }, PackedInt4.blockBytes)
        }
    }

    private func roundedUp(_ extent: Int, _ multiple: Int) -> Int? {
        extent < 0 ? nil : sum(extent, multiple - 1).map { $0 / multiple * multiple }
    }

    private func sum(_ a: Int?, _ b: Int) -> Int? {
        guard let (sum, overflow) = a?.addingReportingOverflow(b) else { return nil }
        return overflow ? nil : sum
    }

    private func product(_ factors: Int?...) -> Int? {
        factors.reduce(1) { partial, factor in
            guard let partial, let factor, factor >= 0 else { return nil }
            let (value, overflow) = partial.multipliedReportingOverflow(by: factor)
            return overflow ? nil : value
        }
    }
}

/// Keys and values of one attention block.
public struct ScheduledCache: Codable, Hashable, Sendable {
    public var name: String
    /// Heads of a position's keys, and of its values.
    public var heads: Int
    /// Columns of a head.
    public var dim: Int
    /// Whether it keeps entries of several recurrences, as many as the session's budget.
    public var isRecurrent: Bool

    public init(name: String, heads: Int, dim: Int, isRecurrent: Bool) {
        self.name = name
        self.heads = heads
        self.dim = dim
        self.isRecurrent = isRecurrent
    }
}

/// Element types of buffers.
public enum BufferElement: String, Codable, Hashable, Sendable {
    case f32, i32
    /// The input of a bf16 matrix, stored in tiles of up to 16 rows by 32 columns.
    case bf16
    /// The input of an int8 or int4 matrix: rows of integers with a scale each, in tiles of up to 16 rows by 64 columns.
    case q8

    /// Bytes that one row of `width` elements takes, rounded up to 64 so that every buffer of the arena stays aligned.
    public func bytesPerRow(width: Int) -> Int {
        switch self {
        case .f32, .i32: return rounded(width * 4, to: 64)
        case .bf16: return rounded(rounded(width, to: 32) * 2, to: 64)
        case .q8:
            let columns = rounded(width, to: 64)
            // A byte a code; 64 for the scale and the sum of all codes; and an i32 sum for every 32 columns.
            return rounded(columns + 64 + columns / 32 * 4, to: 64)
        }
    }
}

/// Where a buffer lies.
public enum BufferStorage: Codable, Hashable, Sendable {
    /// In the arena, at this many bytes for each row of its capacity.
    case arena(offsetPerRow: Int)
    /// The caller's n-th parameter, read only.
    case parameter(Int)
    /// The caller's n-th result.
    case result(Int)
}

/// One planned buffer: rows of `width` elements.
public struct ScheduledBuffer: Codable, Hashable, Sendable {
    /// The IR value that it holds.
    public var name: String
    public var element: BufferElement
    public var width: Int
    public var storage: BufferStorage

    public init(name: String, element: BufferElement, width: Int, storage: BufferStorage) {
        self.name = name
        self.element = element
        self.width = width
        self.storage = storage
    }
}

/// A parameter or result of a compiled function: rows of `width` elements, row-major, f32 or i32.
public struct Port: Codable, Hashable, Sendable {
    public var name: String
    public var element: BufferElement
    public var width: Int

    public init(name: String, element: BufferElement, width: Int) {
        self.name = name
        self.element = element
        self.width = width
    }
}

/// One instruction of a tape: an IR operation of the same name, or `copy`, or `repeat`.
public struct Instruction: Codable, Hashable, Sendable {
    public var opcode: TapeOpcode
    /// Whether all threads meet before it.
    public var barrier: Bool
    /// Buffers read and written, weights, and the cache, by number.
    public var inputs: [Int]
    public var outputs: [Int]
    public var weights: [Int]
    public var cache: Int?
    /// Of a cache instruction: the recurrence, or `Instruction.induction`.
    public var recurrence: Int
    /// `slice`: from, to. `rope`, attention: heads. `repeat`: how many instructions follow as its body.
    public var integers: [Int]
    /// `embed`: scale. Norms: eps. `rope`: base.
    public var float: Float

    /// In `recurrence`: the number of finished iterations of the `repeat` around the instruction.
    public static let induction = -1

    public init(
        opcode: TapeOpcode, inputs: [Int] = [], outputs: [Int] = [], weights: [Int] = [], cache: Int? = nil,
        recurrence: Int = 0, integers: [Int] = [], float: Float = 0, barrier: Bool = false
    ) {
        self.opcode = opcode
        self.barrier = barrier
        self.inputs = inputs
        self.outputs = outputs
        self.weights = weights
        self.cache = cache
        self.recurrence = recurrence
        self.integers = integers
        self.float = float
    }
}

/// One compiled function.
public struct ScheduledFunction: Codable, Hashable, Sendable {
    public var name: String
    /// The number of recurrences that the tape is for, and mostly unrolled for; nil when it takes any number, in a loop.
    public var unrolled: Int?
    public var parameters: [Port]
    public var results: [Port]
    /// Instructions name buffers by their numbers here.
    public var buffers: [ScheduledBuffer]
    /// The tape.
    public var instructions: [Instruction]
    /// The arena's size for each row of its capacity, in bytes.
    public var arenaBytesPerRow: Int
    /// What the arena would take if no two buffers shared memory, in bytes per row.
    public var unplannedBytesPerRow: Int

    public init(
        name: String, unrolled: Int?, parameters: [Port], results: [Port], buffers: [ScheduledBuffer],
        instructions: [Instruction], arenaBytesPerRow: Int, unplannedBytesPerRow: Int
    ) {
        self.name = name
        self.unrolled = unrolled
        self.parameters = parameters
        self.results = results
        self.buffers = buffers
        self.instructions = instructions
        self.arenaBytesPerRow = arenaBytesPerRow
        self.unplannedBytesPerRow = unplannedBytesPerRow
    }
}
