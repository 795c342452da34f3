import IR
import NumberFormats

/// The work that a call of a function cannot avoid: bytes from memory, and multiplications and additions. It is counted
/// on the tape, for consecutive rows of one sequence.
///
/// Weights count each time an instruction reads them, because a pass over a model pushes them out of the caches. Keys
/// and values count once per attention, for any number of rows. Values that pass between instructions are assumed to
/// stay in caches. Integers saturate at `Int.max`, because a plan without weights may declare any sizes.
public struct TapeCost: Hashable, Sendable {
    /// The bytes of weights as stored.
    public var weightBytes = 0
    /// The bytes of keys and values.
    public var cacheBytes = 0
    /// The floating point operations by the format of the weights. A multiplication and an addition are two. Attention
    /// counts as f32.
    public var operations: [ElementType: Double] = [:]
    /// The number of instructions that run. Those in loops count once per iteration.
    public var instructions = 0
    /// The number of barriers at which all threads meet. Those in loops count once per iteration.
    public var barriers = 0

    /// The bytes that come from memory.
    public var bytes: Int { weightBytes.adding(1, times: cacheBytes) }

    public init() {}

    /// The size of one entry of a position if numbers are f32, in bytes.
    public static func f32EntryBytes(_ cache: ScheduledCache) -> Int { 8 * cache.heads * cache.dim }

    /// - Parameters:
    ///   - recurrences: the number of iterations of loops.
    ///   - context: the number of positions before the first row.
    ///   - entryBytes: the size of one entry of a position in a cache; if none is given, that of f32 numbers.
    public init(
        of function: ScheduledFunction, in schedule: Schedule, rows: Int, recurrences: Int, context: Int,
        entryBytes: (ScheduledCache) -> Int = Self.f32EntryBytes
    ) {
        for (instruction, count) in zip(function.instructions, function.executions(recurrences: recurrences))
        where count > 0 {
            let cost = TapeCost(
                of: instruction, in: schedule, rows: rows, context: context, entryBytes: entryBytes)
            weightBytes = weightBytes.adding(count, times: cost.weightBytes)
            cacheBytes = cacheBytes.adding(count, times: cost.cacheBytes)
            instructions = instructions.adding(count, times: cost.instructions)
            barriers = barriers.adding(count, times: cost.barriers)
            for (format, operations) in cost.operations {
                self.operations[format, default: 0] += Double(count) * operations
            }
        }
    }

    /// The work that one execution of an instruction cannot avoid. The parameters are those of a whole function.
    public init(
        of instruction: Instruction, in schedule: Schedule, rows: Int, context: Int,
        entryBytes: (ScheduledCache) -> Int = Self.f32EntryBytes
    ) {
        // The head of a loop does no work itself.
        guard instruction.opcode != .repeat else { return }
        instructions = 1
        barriers = instruction.barrier ? 1 : 0
        guard let opcode = instruction.opcode.operation else { return }
        let traits = opcode.traits
        let weights = instruction.weights.map { schedule.weights[$0] }
        let matrix = traits.readsMatrix ? weights.first : nil
        let cache = instruction.cache.map { schedule.caches[$0] }
        let cacheColumns = cache.map { $0.heads * $0.dim } ?? 0
        // The result of attention has as many heads as its first integer says. No other count that is used here depends
        // on the width of a result.
        let resultColumns = cache.map { 0.adding(max(0, instruction.integers.first ?? 0), times: $0.dim) } ?? 0
        let work = OperationWork(
            of: opcode,
            .init(
                resultColumns: resultColumns, outputs: matrix?.rows ?? 0, inputs: matrix?.columns ?? 0,
                cacheColumns: cacheColumns))
        for weight in weights {
            let bytes = weight.byteCount ?? 0
            weightBytes =
                traits.matrix == .gathered
                ? weightBytes.adding(bytes / max(1, weight.rows), times: min(rows, weight.rows))
                : weightBytes.adding(1, times: bytes)
        }
        if let matrix { operations[matrix.format] = Double(rows) * Double(work.productFlopsPerRow) }
        guard traits.cache == .read, let cache else { return }
        cacheBytes = 0.adding(context.adding(1, times: rows), times: entryBytes(cache))
        // Row i attends to context + i + 1 positions.
        let looks = Double(rows) * (Double(context) + (Double(rows) + 1) / 2)
        operations[.f32, default: 0] += looks * Double(work.flopsPerPosition)
    }
}

extension Int {
    /// The sum of this number and a product, limited to `Int.max`. All three numbers are at least 0.
    fileprivate func adding(_ count: Int, times amount: Int) -> Int {
        let (product, isProductTooLarge) = count.multipliedReportingOverflow(by: amount)
        let (sum, isSumTooLarge) = addingReportingOverflow(product)
        return isProductTooLarge || isSumTooLarge ? .max : sum
    }
}

extension ScheduledFunction {
    /// The number of executions of each instruction in a call with this number of recurrences.
    public func executions(recurrences: Int) -> [Int] {
        var counts = [Int](repeating: 1, count: instructions.count)
        for (number, instruction) in instructions.enumerated() where instruction.opcode == .repeat {
            let end = min(number + 1 + (instruction.integers.first ?? 0), counts.count)
            for index in number + 1..<max(end, number + 1) { counts[index] = recurrences }
        }
        return counts
    }
}
