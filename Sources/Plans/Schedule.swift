import NumberFormats

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

/// One weight of a plan: a matrix of `rows` outputs by `columns` inputs, or a vector (`rows` is 1).
public struct ScheduledWeight: Codable, Hashable, Sendable {
    /// Also the name of its tensor in the plan file.
    public var name: String
    public var format: ElementType
    /// N, the outputs; 1 for a vector.
    public var rows: Int
    /// K, the inputs.
    public var columns: Int

    public init(name: String, format: ElementType, rows: Int, columns: Int) {
        self.name = name
        self.format = format
        self.rows = rows
        self.columns = columns
    }

    /// The weight's size in the plan file, in bytes; nil if it overflows, an extent is negative, or no weight can have the
    /// format.
    public var byteCount: Int? { format.weights?.byteCount(rows: rows, columns: columns) }

    /// Whether it is a vector. Vectors are always f32.
    public var isVector: Bool { rows == 1 && format == .f32 }

    /// The layout of its format.
    public var layout: any WeightLayout.Type {
        get throws {
            guard let layout = format.weights else {
                throw PlanError("The weight \(name) cannot be stored: only rows can be \(format).")
            }
            return layout
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
    public var element: ElementType
    public var width: Int
    public var storage: BufferStorage

    /// The bytes that an arena reserves for each row; 0 if no row can have the element type.
    public var bytesPerRow: Int { element.rows?.bytesPerRow(width: width) ?? 0 }

    public init(name: String, element: ElementType, width: Int, storage: BufferStorage) {
        self.name = name
        self.element = element
        self.width = width
        self.storage = storage
    }
}

/// A parameter or result of a compiled function: rows of `width` elements, row-major, f32 or i32.
public struct Port: Codable, Hashable, Sendable {
    public var name: String
    public var element: ElementType
    public var width: Int

    public init(name: String, element: ElementType, width: Int) {
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
