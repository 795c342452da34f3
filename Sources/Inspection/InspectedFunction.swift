/// A function at every stage, and its tape.
public struct InspectedFunction: Codable, Hashable, Sendable {
    /// The name, such as `decode`.
    public var name: String
    /// The number of recurrences that the tape is unrolled for; nil if the tape loops.
    public var unrolled: Int?
    /// The name with the recurrences, such as `decode.r32`; the plain name if the tape loops.
    public var label: String
    /// The number of iterations of a loop in sums of costs: ``unrolled``, or the number for which the plan has an
    /// unrolled copy.
    public var recurrences: Int

    /// The number of instructions on the tape.
    public var instructions: Int
    /// The number of instructions on the tape before which all threads meet.
    public var barriers: Int
    /// The size of the arena in bytes, for each row of a call.
    public var arenaBytesPerRow: Int
    /// The size of the arena if no two values shared memory, in bytes for each row of a call.
    public var unplannedBytesPerRow: Int
    /// The predicted time of the call of ``Inspection/prediction``, in milliseconds; nil without a prediction.
    public var predictedMs: Double?

    /// The distinct values of all stages, by name and type.
    public var values: [InspectedValue]
    /// The numbers of the values that the caller passes.
    public var parameters: [Int]
    /// The distinct operations of all stages. An operation that a pass leaves unchanged has the same number before and
    /// after it.
    public var operations: [InspectedOperation]
    /// The distinct costs of the operations.
    public var costs: [OperationCost]
    /// The stages at which the function exists, in order.
    public var stages: [InspectedStage]
    /// The results of all passes for each operation of the first stage, in order.
    public var fates: [OperationFate]
    /// The instructions that the executor runs.
    public var tape: [InspectedInstruction]
    /// The parameters, the results and the values of the arena, by the numbers that instructions use.
    public var memory: [InspectedBuffer]
}

/// A value of a function.
public struct InspectedValue: Codable, Hashable, Sendable {
    /// The name, without `%`.
    public var name: String
    /// The number of the type in ``Inspection/types``.
    public var type: Int
}

/// An operation. Its body, if it is a loop, is listed by each stage.
public struct InspectedOperation: Codable, Hashable, Sendable {
    /// The name of the opcode.
    public var opcode: String
    /// The numbers of the values that it reads.
    public var operands: [Int]
    /// The numbers of the values that it computes.
    public var results: [Int]
    /// The numbers of the weights that it reads.
    public var weights: [Int]
    /// The number of the cache that it reads or writes.
    public var cache: Int?
    /// The attributes as in the text form, such as `eps = 1e-06`; nil if there are none.
    public var attributes: String?
    /// The number of its cost, as of the last stage that has the operation.
    public var cost: Int
}

/// A function's graph after a pass.
public struct InspectedStage: Codable, Hashable, Sendable {
    /// The number of the stage.
    public var stage: Int
    /// The numbers of the function's operations in order, without those in loops.
    public var operations: [Int]
    /// The loops with their bodies.
    public var loops: [InspectedLoop]
    /// The numbers of the values that the function returns.
    public var returns: [Int]

    /// The operations that the previous stage does not have. The list is empty at a function's first stage.
    public var added: [Int]
    /// The operations of the previous stage that this one does not have.
    public var removed: [Int]
    /// The operations that went into a loop or out of one.
    public var moved: [Int]
    /// The operations that took over the work of each removed one. A removed operation that is not listed was dropped.
    public var became: [Transition]

    /// The runs of ``operations`` that repeat themselves with other names and recurrence numbers.
    public var repetitions: [Repetition]
    /// The costs of the function at this stage.
    public var totals: StageTotals
}

/// A loop with its body.
public struct InspectedLoop: Codable, Hashable, Sendable {
    /// The number of the `repeat`.
    public var operation: Int
    /// The number of iterations; nil if the caller decides.
    public var count: Int?
    /// The numbers of the carried values inside the body.
    public var parameters: [Int]
    /// The numbers of the body's operations, in order.
    public var operations: [Int]
    /// The numbers of the carried values for the next iteration.
    public var yields: [Int]
}

/// The result of one pass for a removed operation: the operations that took over its work.
public struct Transition: Codable, Hashable, Sendable {
    /// The number of an operation of the previous stage.
    public var operation: Int
    /// The numbers of operations of this stage. They may do other work as well.
    public var into: [Int]
}

/// A run of `count` equal stretches of `period` operations each. They are equal except for names and recurrence
/// numbers.
public struct Repetition: Codable, Hashable, Sendable {
    /// The index of its first operation in ``InspectedStage/operations``.
    public var start: Int
    /// The number of operations in a stretch.
    public var period: Int
    /// The number of stretches.
    public var count: Int
}

/// The result of all passes for an operation of the first stage.
public struct OperationFate: Codable, Hashable, Sendable {
    /// The number of the operation.
    public var operation: Int
    /// The numbers of the operations of the last stage that took over its work.
    public var into: [Int]
    /// The number of the stage whose pass dropped the operation; nil if ``into`` is not empty.
    public var droppedBy: Int?
}

/// The costs of a function at a stage. Loops count as ``InspectedFunction/recurrences`` iterations.
public struct StageTotals: Codable, Hashable, Sendable {
    /// The number of operations, including those in loops, each counted once.
    public var operations: Int
    /// The number of instructions on the tape that this stage would give; nil if no tape can be made from it.
    public var instructions: Int?
    /// The number of instructions on that tape before which all threads meet.
    public var barriers: Int?
    /// The size of its arena in bytes, for each row of a call.
    public var arenaBytesPerRow: Int?
    /// The size of that arena if no two values shared memory, in bytes for each row of a call.
    public var unplannedBytesPerRow: Int?
    /// The bytes of weights that a call with one row reads.
    public var weightBytes: Int
    /// The bytes of values that are read and written for each row.
    public var valueBytesPerRow: Int
    /// The floating point operations for each row, without those of attention.
    public var flopsPerRow: Int
    /// The floating point operations of attention for each row and each position that it attends to.
    public var flopsPerPosition: Int
}

/// An instruction of the tape.
public struct InspectedInstruction: Codable, Hashable, Sendable {
    /// The name of the instruction.
    public var opcode: String
    /// Whether all threads meet before the instruction.
    public var barrier: Bool
    /// The number of the operation of the last stage that the instruction executes. For the copy of a carried value it
    /// is the loop; for the copy of a parameter to a result it is nil.
    public var operation: Int?
    /// The numbers of the buffers that it reads.
    public var inputs: [Int]
    /// The numbers of the buffers that it writes.
    public var outputs: [Int]
    /// The number of instructions after a `repeat` that are its body; nil for other instructions.
    public var length: Int?
}

/// The place of a value in memory.
public struct InspectedBuffer: Codable, Hashable, Sendable {
    /// The memory of a value. Parameters and results are in the memory of the caller.
    public enum Place: String, Codable, Hashable, Sendable {
        case arena, parameter, result
    }

    /// The name of the value.
    public var name: String
    /// The type, such as `bf16[rows,288]`.
    public var type: String
    /// The memory that the value is in.
    public var place: Place
    /// The offset from the start of the arena, in bytes per row; nil for parameters and results, which are in the
    /// caller's memory.
    public var offset: Int?
    /// The size in bytes per row, including padding for alignment.
    public var bytes: Int
    /// The first instruction that uses the value; nil if no instruction does.
    public var first: Int?
    /// The last instruction until which the value must not be overwritten; nil if no instruction uses the value.
    public var last: Int?
}
