/// A function at every stage, and its tape.
public struct InspectedFunction: Codable, Hashable, Sendable {
    /// `decode`
    public var name: String
    /// The recurrences that the tape is unrolled for; absent when it loops.
    public var unrolled: Int?
    /// `decode.r32`, or the name when it loops.
    public var label: String
    /// How often loops are taken to run where costs are summed: ``unrolled``, or what the plan unrolls its copy for.
    public var recurrences: Int

    /// Instructions and barriers of the tape.
    public var instructions: Int
    public var barriers: Int
    /// The arena for each row of a call, and what it would take if no two values shared memory.
    public var arenaBytesPerRow: Int
    public var unplannedBytesPerRow: Int
    /// How long the call of ``Inspection/prediction`` should take.
    public var predictedMs: Double?

    /// All that differ in name or type, of all stages.
    public var values: [InspectedValue]
    public var parameters: [Int]
    /// All that differ, of all stages: an operation that a pass leaves as it is has one number before and after it.
    public var operations: [InspectedOperation]
    public var costs: [OperationCost]
    /// The stages at which there is such a function, in order.
    public var stages: [InspectedStage]
    /// What became of the operations of the first stage, in their order.
    public var fates: [OperationFate]
    public var tape: [InspectedInstruction]
    /// Parameters, results and values of the arena.
    public var memory: [InspectedBuffer]
}

public struct InspectedValue: Codable, Hashable, Sendable {
    public var name: String
    /// Number of its type.
    public var type: Int
}

/// An operation, without the body if it is a loop: bodies are each stage's own.
public struct InspectedOperation: Codable, Hashable, Sendable {
    public var opcode: String
    /// Numbers of values.
    public var operands: [Int]
    public var results: [Int]
    /// Numbers of weights.
    public var weights: [Int]
    /// Number of the cache.
    public var cache: Int?
    /// As in the text form, `eps = 1e-06`; absent without any.
    public var attributes: String?
    /// Number of its cost, as of the last stage that has the operation.
    public var cost: Int
}

/// A function's graph after a pass.
public struct InspectedStage: Codable, Hashable, Sendable {
    /// Number of the stage.
    public var stage: Int
    /// The function's operations in order, without those in loops.
    public var operations: [Int]
    public var loops: [InspectedLoop]
    /// The values that the function returns.
    public var returns: [Int]

    /// Operations that the stage before has not, and that only it has. Empty at a function's first stage.
    public var added: [Int]
    public var removed: [Int]
    /// Operations that went into a loop or out of one.
    public var moved: [Int]
    /// For every removed operation that lives on, in what. Removed ones that are not here are gone for good.
    public var became: [Transition]

    /// Runs of ``operations`` that repeat themselves but for names and recurrence numbers.
    public var repetitions: [Repetition]
    public var totals: StageTotals
}

/// A loop and what is in it.
public struct InspectedLoop: Codable, Hashable, Sendable {
    /// The `repeat`.
    public var operation: Int
    /// How often it runs; absent when the caller says.
    public var count: Int?
    /// The carried values as the body sees them.
    public var parameters: [Int]
    public var operations: [Int]
    /// What the carried values hold next.
    public var yields: [Int]
}

/// What an operation was made into by one pass: the operations that compute, among other things, what it did.
public struct Transition: Codable, Hashable, Sendable {
    public var operation: Int
    public var into: [Int]
}

/// `count` times `period` operations, from the `start`-th of a stage's on, alike but for names and recurrences.
public struct Repetition: Codable, Hashable, Sendable {
    public var start: Int
    public var period: Int
    public var count: Int
}

/// What an operation of the first stage was made into by all passes.
public struct OperationFate: Codable, Hashable, Sendable {
    public var operation: Int
    /// Operations of the last stage.
    public var into: [Int]
    /// When that is empty, the number of the stage whose pass dropped it.
    public var droppedBy: Int?
}

/// What a function costs at a stage, loops run as often as ``InspectedFunction/recurrences`` says.
public struct StageTotals: Codable, Hashable, Sendable {
    /// Operations, each counted once; those in loops too.
    public var operations: Int
    /// Of the tape that this stage would give; absent when it would give none.
    public var instructions: Int?
    public var barriers: Int?
    public var arenaBytesPerRow: Int?
    public var unplannedBytesPerRow: Int?
    /// Bytes of weights that a call of one row reads.
    public var weightBytes: Int
    /// Bytes of values that are read and written for each row.
    public var valueBytesPerRow: Int
    /// Floating point operations for each row, without those of attention.
    public var flopsPerRow: Int
    /// Those of attention, for each position that a row looks at.
    public var flopsPerPosition: Int
}

/// One instruction of the tape.
public struct InspectedInstruction: Codable, Hashable, Sendable {
    public var opcode: String
    /// Whether all threads meet before it.
    public var barrier: Bool
    /// The operation of the last stage that it is, or the loop whose carried values it copies; absent where a parameter
    /// is copied to a result.
    public var operation: Int?
    /// Numbers of buffers.
    public var inputs: [Int]
    public var outputs: [Int]
    /// Of a `repeat`: how many instructions after it are its body.
    public var length: Int?
}

/// A value's place in memory.
public struct InspectedBuffer: Codable, Hashable, Sendable {
    public enum Place: String, Codable, Hashable, Sendable {
        case arena, parameter, result
    }

    /// The value's name.
    public var name: String
    /// `bf16[rows,288]`
    public var type: String
    public var place: Place
    /// Bytes a row from the arena's start; absent for parameters and results, which are the caller's memory.
    public var offset: Int?
    /// Bytes a row, with what keeps it aligned.
    public var bytes: Int
    /// The first and the last instruction during which it may not be overwritten; absent when none touches it.
    public var first: Int?
    public var last: Int?
}
