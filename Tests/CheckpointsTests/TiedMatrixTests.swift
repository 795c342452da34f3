import Checkpoints
import Testing

/// Of a tied matrix, a file may have either name, or both if they agree.
@Suite struct TiedMatrixTests {
    private static let names = ["transformer.wte.weight", "lm_head.weight"]
    private static let matrix = [Float](repeating: 1, count: 24)

    private func checkpoint(_ tensors: [(String, [Float])], isTied: Bool = true) throws -> Checkpoint {
        let folder = try CheckpointUnderTest()
        let ties = "\"tie_embeddings\": true"
        try folder.write(
            CheckpointUnderTest.config.replacing(ties, with: isTied ? ties : "\"tie_embeddings\": false"),
            to: "config.json")
        try folder.writeWeights(tensors, shape: [3, 8])
        return try folder.open()
    }

    @Test(arguments: names) func `either name is enough`(_ name: String) throws {
        let checkpoint = try checkpoint([(name, Self.matrix)])
        try checkpoint.checkTiedMatrix()
        for wanted in Self.names {
            #expect(try checkpoint.tensor(wanted, shape: [3, 8]).floats() == Self.matrix)
        }
    }

    @Test func `an untied head is never the embedding`() throws {
        let checkpoint = try checkpoint([(Self.names[0], Self.matrix)], isTied: false)
        #expect { try checkpoint.tensor("lm_head.weight", shape: [3, 8]) } throws: {
            "\($0)".contains("lm_head.weight")
        }
    }

    @Test func `two that agree are one, and two that differ are refused by name`() throws {
        try checkpoint(Self.names.map { ($0, Self.matrix) }).checkTiedMatrix()
        var other = Self.matrix
        other[23] = 2
        let pair = [(Self.names[0], Self.matrix), (Self.names[1], other)]
        let differing = try checkpoint(pair)
        #expect { try differing.checkTiedMatrix() } throws: { error in
            ["lm_head.weight", "tie_embeddings"].allSatisfy("\(error)".contains)
        }
        try checkpoint(pair, isTied: false).checkTiedMatrix()
    }
}
