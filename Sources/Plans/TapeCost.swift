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

    /// Caches hold f32.
    private static let cacheElementBytes = 4

    /// - Parameters:
    ///   - recurrences: how often loops run.
    ///   - context: positions before the first row.
    public init(
        of function: ScheduledFunction, in schedule: Schedule, rows: Int, recurrences: Int, context: Int
    ) {
        var repeats = (count: 1, end: 0)
        for (number, instruction) in function.instructions.enumerated() {
            if number >= repeats.end { repeats.count = 1 }
            if instruction.opcode == "repeat" {
                repeats = (recurrences, number + 1 + (instruction.integers.first ?? 0))
                continue
            }
            for _ in 0..<repeats.count { add(instruction, schedule, rows: rows, context: context) }
        }
    }

    private mutating func add(_ instruction: Instruction, _ schedule: Schedule, rows: Int, context: Int) {
        instructions += 1
        if instruction.barrier { barriers += 1 }
        if instruction.opcode == "wavefront_attention", let cache = instruction.cache.map({ schedule.caches[$0] }) {
            let width = cache.heads * cache.dim
            cacheBytes += 2 * (context + rows) * width * Self.cacheElementBytes
            // Row i looks at context + i + 1 positions, first for their scores, then for their values.
            let looks = rows * context + rows * (rows + 1) / 2
            operations[.f32, default: 0] += 4 * Double(looks) * Double(width)
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
