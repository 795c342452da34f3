import IR
import NumberFormats

/// What a call of a function cannot do without: bytes that come from memory, and multiplications and additions. Counted
/// on the tape, for consecutive rows of one sequence.
///
/// Weights are counted each time an instruction reads them, since a pass over a model pushes them out of the caches;
/// keys and values once an attention, however many rows look at them. What passes from instruction to instruction is
/// taken to stay in caches. Whole numbers that would be too large stay at `Int.max`: a plan without weights may declare
/// any.
public struct TapeCost: Hashable, Sendable {
    /// Bytes of weights as stored.
    public var weightBytes = 0
    /// Bytes of keys and values.
    public var cacheBytes = 0
    /// Operations by the format of the weights; a multiplication and an addition are two. Attention counts as f32.
    public var operations: [ElementType: Double] = [:]
    /// Instructions that run, and barriers that all threads wait at: those in loops once an iteration.
    public var instructions = 0
    public var barriers = 0

    /// All that comes from memory.
    public var bytes: Int { weightBytes.adding(1, times: cacheBytes) }

    public init() {}

    /// - Parameters:
    ///   - recurrences: how often loops run.
    ///   - context: positions before the first row.
    ///   - cacheElementBytes: of a cached number; 4 where caches hold f32.
    public init(
        of function: ScheduledFunction, in schedule: Schedule, rows: Int, recurrences: Int, context: Int,
        cacheElementBytes: Int = 4
    ) {
        for (instruction, count) in zip(function.instructions, function.executions(recurrences: recurrences))
        where count > 0 {
            let cost = TapeCost(
                of: instruction, in: schedule, rows: rows, context: context, cacheElementBytes: cacheElementBytes)
            weightBytes = weightBytes.adding(count, times: cost.weightBytes)
            cacheBytes = cacheBytes.adding(count, times: cost.cacheBytes)
            instructions = instructions.adding(count, times: cost.instructions)
            barriers = barriers.adding(count, times: cost.barriers)
            for (format, operations) in cost.operations {
                self.operations[format, default: 0] += Double(count) * operations
            }
        }
    }

    /// What one execution of an instruction cannot do without; parameters as for a whole function.
    public init(
        of instruction: Instruction, in schedule: Schedule, rows: Int, context: Int, cacheElementBytes: Int = 4
    ) {
        // A loop's head does nothing itself.
        guard instruction.opcode != .repeat else { return }
        instructions = 1
        barriers = instruction.barrier ? 1 : 0
        guard let opcode = instruction.opcode.operation else { return }
        let traits = opcode.traits
        let weights = instruction.weights.map { schedule.weights[$0] }
        let matrix = traits.readsMatrix ? weights.first : nil
        // Attention's result is as wide as a position's keys. No other count that is used here depends on its width.
        let cacheColumns = instruction.cache.map { schedule.caches[$0].heads * schedule.caches[$0].dim } ?? 0
        let work = OperationWork(
            of: opcode,
            .init(
                resultColumns: cacheColumns, outputs: matrix?.rows ?? 0, inputs: matrix?.columns ?? 0,
                cacheColumns: cacheColumns))
        for weight in weights {
            let bytes = weight.byteCount ?? 0
            weightBytes =
                traits.matrix == .gathered
                ? weightBytes.adding(bytes / max(1, weight.rows), times: min(rows, weight.rows))
                : weightBytes.adding(1, times: bytes)
        }
        if let matrix { operations[matrix.format] = Double(rows) * Double(work.productFlopsPerRow) }
        guard traits.cache == .read else { return }
        cacheBytes = 0.adding(
            context.adding(1, times: rows), times: work.cacheNumbersReadPerPosition * cacheElementBytes)
        // Row i looks at context + i + 1 positions.
        let looks = Double(rows) * (Double(context) + (Double(rows) + 1) / 2)
        operations[.f32, default: 0] += looks * Double(work.flopsPerPosition)
    }
}

extension Int {
    /// The sum of this number and a product, or `Int.max` where that is less; all three are at least 0.
    fileprivate func adding(_ count: Int, times amount: Int) -> Int {
        let (product, isProductTooLarge) = count.multipliedReportingOverflow(by: amount)
        let (sum, isSumTooLarge) = addingReportingOverflow(product)
        return isProductTooLarge || isSumTooLarge ? .max : sum
    }
}

extension ScheduledFunction {
    /// How often a call with so many recurrences executes each instruction.
    public func executions(recurrences: Int) -> [Int] {
        var counts = [Int](repeating: 1, count: instructions.count)
        for (number, instruction) in instructions.enumerated() where instruction.opcode == .repeat {
            let end = min(number + 1 + (instruction.integers.first ?? 0), counts.count)
            for index in number + 1..<max(end, number + 1) { counts[index] = recurrences }
        }
        return counts
    }
}
