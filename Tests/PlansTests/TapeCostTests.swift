import Plans
import Testing

/// The bytes and operations of a call, compared with counts by hand.
@Suite struct TapeCostTests {
    private let schedule = Schedule(
        weights: [
            ScheduledWeight(name: "embedding", format: .f32, rows: 10, columns: 6),
            ScheduledWeight(name: "matrix", format: .bf16, rows: 32, columns: 64),
            ScheduledWeight(name: "norm", format: .f32, rows: 1, columns: 6),
        ],
        caches: [ScheduledCache(name: "core.0", heads: 2, dim: 3, isRecurrent: true)], functions: [])

    private func cost(_ instructions: [Instruction], rows: Int, recurrences: Int = 1, context: Int = 0) -> TapeCost {
        let function = ScheduledFunction(
            name: "f", unrolled: nil, parameters: [], results: [], buffers: [], instructions: instructions,
            arenaBytesPerRow: 0, unplannedBytesPerRow: 0)
        return TapeCost(of: function, in: schedule, rows: rows, recurrences: recurrences, context: context)
    }

    @Test func `a matrix is read once and multiplied by every row`() {
        let cost = cost([Instruction(opcode: .operation(.linear), weights: [1])], rows: 5)
        #expect(cost.weightBytes == 32 * 64 * 2)
        #expect(cost.operations == [.bf16: 2 * 5 * 32 * 64])
        #expect(cost.cacheBytes == 0)
    }

    @Test func `an embedding is read row by row, a vector without operations`() {
        #expect(cost([Instruction(opcode: .operation(.embed), weights: [0])], rows: 3).weightBytes == 3 * 6 * 4)
        #expect(cost([Instruction(opcode: .operation(.embed), weights: [0])], rows: 3).operations.isEmpty)
        #expect(cost([Instruction(opcode: .operation(.norm), weights: [2])], rows: 3).bytes == 6 * 4)
        #expect(cost([Instruction(opcode: .operation(.norm), weights: [2])], rows: 3).operations.isEmpty)
    }

    @Test func `attention reads keys and values once and looks back from every row`() {
        let cost = cost(
            [Instruction(opcode: .operation(.wavefrontAttention), cache: 0, integers: [2])], rows: 2, context: 10)
        #expect(cost.cacheBytes == 2 * 12 * 6 * 4)
        #expect(cost.operations == [.f32: 4 * (11 + 12) * 6])
    }

    @Test func `heads that share keys and values take more operations, and no more bytes`() {
        let cost = cost(
            [Instruction(opcode: .operation(.wavefrontAttention), cache: 0, integers: [8])], rows: 2, context: 10)
        #expect(cost.cacheBytes == 2 * 12 * 6 * 4)
        #expect(cost.operations == [.f32: 4 * (11 + 12) * 4 * 6])
    }

    @Test func `caches of 2-byte numbers are half as many bytes`() {
        let instruction = Instruction(opcode: .operation(.wavefrontAttention), cache: 0, integers: [2])
        let cost = TapeCost(of: instruction, in: schedule, rows: 2, context: 10, entryBytes: { 4 * $0.heads * $0.dim })
        #expect(cost.cacheBytes == 2 * 12 * 6 * 2)
        #expect(cost.operations == [.f32: 4 * (11 + 12) * 6])
    }

    @Test func `the body of a repeat counts for each recurrence, what follows it once`() {
        let instructions = [
            Instruction(opcode: .repeat, integers: [1]), Instruction(opcode: .operation(.linear), weights: [1]),
            Instruction(opcode: .operation(.norm), weights: [2]),
        ]
        #expect(cost(instructions, rows: 1, recurrences: 7).weightBytes == 7 * 32 * 64 * 2 + 24)
        #expect(cost(instructions, rows: 1, recurrences: 0).weightBytes == 24)
        #expect(cost(instructions, rows: 1, recurrences: 7).instructions == 7 + 1)
        #expect(cost(instructions, rows: 1, recurrences: 0).operations.isEmpty)
    }

    @Test func `threads meet at a barrier in a loop once an iteration`() {
        let instructions = [
            Instruction(opcode: .operation(.add)), Instruction(opcode: .repeat, integers: [2]),
            Instruction(opcode: .operation(.add), barrier: true), Instruction(opcode: .operation(.silu)),
            Instruction(opcode: .operation(.add), barrier: true),
        ]
        #expect(cost(instructions, rows: 1, recurrences: 5).barriers == 5 + 1)
        #expect(cost(instructions, rows: 1, recurrences: 5).instructions == 1 + 2 * 5 + 1)
    }

    @Test func `counts of a plan whose sizes are absurd stop at the largest number and do not trap`() {
        let huge = ScheduledWeight(name: "huge", format: .f32, rows: 1 << 30, columns: 1 << 30)
        let schedule = Schedule(
            weights: [huge], caches: [ScheduledCache(name: "c", heads: 1 << 14, dim: 1 << 14, isRecurrent: true)],
            functions: [])
        let function = ScheduledFunction(
            name: "f", unrolled: nil, parameters: [], results: [], buffers: [],
            instructions: [
                Instruction(opcode: .repeat, integers: [2]), Instruction(opcode: .operation(.linear), weights: [0, 0]),
                Instruction(opcode: .operation(.wavefrontAttention), cache: 0, integers: [1 << 14]),
            ], arenaBytesPerRow: 0, unplannedBytesPerRow: 0)
        let cost = TapeCost(
            of: function, in: schedule, rows: 1 << 40, recurrences: Int(Int32.max), context: Int.max - (1 << 40))
        #expect(cost.weightBytes == .max && cost.cacheBytes == .max && cost.bytes == .max)
        #expect(cost.operations.values.allSatisfy { $0.isFinite && $0 > 0 })
    }
}
