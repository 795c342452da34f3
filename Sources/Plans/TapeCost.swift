/// What a call of a function cannot do without: bytes that come from memory, and multiplications and additions. Counted
/// on the tape, for consecutive rows of one sequence.
///
/// Weights are counted each time an instruction reads them, since a pass over a model pushes them out of the caches;
/// keys and values once an attention, however many rows look at them. What passes from instruction to instruction is
/// taken to stay in caches.
public struct TapeCost: Hashable, Sendable {
    /// Bytes of weights as stored.
    public var weightBytes = 0
    /// Bytes of keys and values.
    public var cacheBytes = 0
    /// Operations by the format of the weights; a multiplication and an addition are two. Attention counts as f32.
    public var operations: [WeightFormat: Double] = [:]
    /// Instructions that run, and barriers that all threads wait at: those in loops once an iteration.
    public var instructions = 0
    public var barriers = 0

    public var bytes: Int { weightBytes + cacheBytes }

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
            weightBytes += count * cost.weightBytes
            cacheBytes += count * cost.cacheBytes
            self.instructions += count * cost.instructions
            barriers += count * cost.barriers
            for (format, operations) in cost.operations { self.operations[format, default: 0] += Double(count) * operations }
        }
    }

    /// What one execution of an instruction cannot do without; parameters as for a whole function.
    public init(
        of instruction: Instruction, in schedule: Schedule, rows: Int, context: Int, cacheElementBytes: Int = 4
    ) {
        // A loop's head does nothing itself.
        guard instruction.opcode != "repeat" else { return }
        instructions = 1
        barriers = instruction.barrier ? 1 : 0
        if instruction.opcode == "wavefront_attention", let cache = instruction.cache.map({ schedule.caches[$0] }) {
            let width = cache.heads * cache.dim
            cacheBytes = 2 * (context + rows) * width * cacheElementBytes
            // Row i looks at context + i + 1 positions, first for their scores, then for their values.
            let looks = rows * context + rows * (rows + 1) / 2
            operations = [.f32: 4 * Double(looks) * Double(width)]
            return
        }
        for index in instruction.weights {
            let weight = schedule.weights[index]
            let bytes = weight.byteCount ?? 0
            if instruction.opcode == "embed" {
                weightBytes += bytes / max(1, weight.rows) * min(rows, weight.rows)
                continue
            }
            weightBytes += bytes
            guard weight.rows > 1 else { continue }
            operations[weight.format, default: 0] += 2 * Double(rows) * Double(weight.rows) * Double(weight.columns)
        }
    }
}

extension ScheduledFunction {
    /// How often a call with so many recurrences executes each instruction.
    public func executions(recurrences: Int) -> [Int] {
        var counts = [Int](repeating: 1, count: instructions.count)
        for (number, instruction) in instructions.enumerated() where instruction.opcode == "repeat" {
            let end = min(number + 1 + (instruction.integers.first ?? 0), counts.count)
            for index in number + 1..<max(end, number + 1) { counts[index] = recurrences }
        }
        return counts
    }
}
