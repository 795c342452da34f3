import Checkpoints
import Testing

/// A file may store a matrix under one of several names, or under all if they agree.
@Suite struct TiedMatrixTests {
    private static let names = ["transformer.wte.weight", "lm_head.weight"]
    private static let shape = [3, 8]
    private static let matrix = [Float](repeating: 1, count: 24)

    private func checkpoint(_ tensors: [(String, [Float])]) throws -> Checkpoint {
        let folder = try CheckpointUnderTest()
        try folder.writeWeights(tensors, shape: Self.shape)
        return try folder.open()
    }

    private func check(_ checkpoint: Checkpoint, _ names: [String] = names) throws {
        try checkpoint.checkSame(names, shape: Self.shape, because: "tie_embeddings")
    }

    @Test(arguments: names) func `either name is enough`(_ name: String) throws {
        let checkpoint = try checkpoint([(name, Self.matrix)])
        try check(checkpoint)
        for wanted in Self.names {
            #expect(try checkpoint.tensor(wanted, shape: Self.shape, or: Self.names).floats() == Self.matrix)
        }
    }

    @Test func `an untied head is never the embedding`() throws {
        let checkpoint = try checkpoint([(Self.names[0], Self.matrix)])
        #expect { try checkpoint.tensor("lm_head.weight", shape: Self.shape) } throws: {
            "\($0)".contains("lm_head.weight")
        }
    }

    @Test func `two that agree are one, and two that differ are refused by name`() throws {
        try check(checkpoint(Self.names.map { ($0, Self.matrix) }))
        var other = Self.matrix
        other[23] = 2
        let differing = try checkpoint([(Self.names[0], Self.matrix), (Self.names[1], other)])
        #expect { try check(differing) } throws: { error in
            ["lm_head.weight", "transformer.wte.weight", "tie_embeddings"].allSatisfy("\(error)".contains)
        }
        // Without a tie, they are two matrices.
        try check(differing, [])
    }
}
