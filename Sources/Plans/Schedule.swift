import NumberFormats

/// The input of the executor: a static tape of instructions over planned buffers for each compiled function, and the
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

/// A weight of a plan: a matrix of `rows` outputs by `columns` inputs, or a vector, whose `rows` is 1.
public struct ScheduledWeight: Codable, Hashable, Sendable {
    /// The name, which is also that of its tensor in the plan file.
    public var name: String
    /// The format in which the plan stores it.
    public var format: ElementType
    /// The number N of outputs; 1 for a vector.
    public var rows: Int
    /// The number K of inputs, or the length of a vector.
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

    /// Whether the weight is a vector. Vectors are always f32.
    public var isVector: Bool { rows == 1 && format == .f32 }

    /// The layout of the weight's format.
    public var layout: any WeightLayout.Type {
        get throws {
            guard let layout = format.weights else {
                throw PlanError("The weight \(name) cannot be stored: only rows can be \(format).")
            }
            return layout
        }
    }
}

/// The cache of keys and values of one attention block.
public struct ScheduledCache: Codable, Hashable, Sendable {
    /// The name, by which the IR refers to it.
    public var name: String
    /// The number of heads of a position's keys, and of its values.
    public var heads: Int
    /// The number of columns of a head.
    public var dim: Int
    /// Whether the cache keeps entries of several recurrences. Their number is the budget of the session.
    public var isRecurrent: Bool

    public init(name: String, heads: Int, dim: Int, isRecurrent: Bool) {
        self.name = name
        self.heads = heads
        self.dim = dim
        self.isRecurrent = isRecurrent
    }
}

/// The memory that a buffer is in.
public enum BufferStorage: Codable, Hashable, Sendable {
    /// The arena, at this offset in bytes for each row of its capacity.
    case arena(offsetPerRow: Int)
    /// The caller's parameter with this index, which is only read.
    case parameter(Int)
    /// The caller's result with this index.
    case result(Int)
}

/// A planned buffer: rows of `width` elements.
public struct ScheduledBuffer: Codable, Hashable, Sendable {
    /// The name of the IR value that the buffer holds.
    public var name: String
    /// The type of the elements.
    public var element: ElementType
    /// The number of elements in a row.
    public var width: Int
    /// The memory that the buffer is in.
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

/// A parameter or result of a compiled function: rows of `width` elements of f32 or i32, row-major.
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

/// An instruction of a tape: an IR operation, or `copy`.
public struct Instruction: Codable, Hashable, Sendable {
    /// The kind of work.
    public var opcode: TapeOpcode
    /// Whether all threads meet before the instruction.
    public var barrier: Bool
    /// The numbers of the buffers that it reads.
    public var inputs: [Int]
    /// The numbers of the buffers that it writes.
    public var outputs: [Int]
    /// The numbers of the weights that it reads.
    public var weights: [Int]
    /// The number of the cache that it reads or writes; nil if there is none.
    public var cache: Int?
    /// The recurrence of an instruction on a cache, or `Instruction.induction`.
    public var recurrence: Int
    /// The integer attributes: `from` and `to` of `slice`, the heads of `rope` and attention, the number of following
    /// instructions that are the body of `repeat`.
    public var integers: [Int]
    /// The float attribute: the scale of `embed`, `eps` of a norm, the base of `rope`.
    public var float: Float

    /// The value of `recurrence` that stands for the number of finished iterations of the `repeat` around the
    /// instruction.
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

/// A compiled function.
public struct ScheduledFunction: Codable, Hashable, Sendable {
    /// The name, see ``FunctionName``.
    public var name: String
    /// The number of recurrences that the tape is made for, and usually unrolled for; nil if the tape takes any number,
    /// in a loop.
    public var unrolled: Int?
    /// The parameters, in the order of their indexes.
    public var parameters: [Port]
    /// The results, in the order of their indexes.
    public var results: [Port]
    /// The buffers. Instructions refer to them by index.
    public var buffers: [ScheduledBuffer]
    /// The instructions of the tape, in the order in which they run.
    public var instructions: [Instruction]
    /// The size of the arena for each row of its capacity, in bytes.
    public var arenaBytesPerRow: Int
    /// The size of the arena if no two buffers shared memory, in bytes per row.
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
