import Checkpoints
import Foundation
import Testing

/// What a checkpoint holds is what its files hold, whatever its index says.
@Suite struct ShardedCheckpointTests {
    private static let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]

    @Test func shardsAreReadThroughTheirIndex() throws {
        let folder = try CheckpointUnderTest()
        try folder.writeWeights([("a", [1]), ("both", [7])], to: "model-00001-of-00002.safetensors")
        try folder.writeWeights(
            [("b", [2, 3]), ("both", [8]), ("unlisted", [0])], to: "model-00002-of-00002.safetensors")
        try folder.writeIndex([
            "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
            "both": "model-00002-of-00002.safetensors",
        ])
        let checkpoint = try folder.open()
        #expect(checkpoint.tensorNames == ["a", "b", "both", "unlisted"])
        #expect(try checkpoint.tensor("a", shape: [1, 1]).floats() == [1])
        #expect(try checkpoint.tensor("b", shape: [1, 2]).floats() == [2, 3])
        #expect(try checkpoint.tensor("both", shape: [1, 1]).floats() == [8])
    }

    private struct IndexCase: CustomTestStringConvertible {
        var testDescription: String
        /// The files of the tensors `a` and `b`, of which each shard has one; nil for no index.
        var index: [String: String]?
    }

    private static let indexCases = [
        IndexCase(testDescription: "no index"),
        IndexCase(testDescription: "a tensor that no shard has", index: ["a": names[0], "b": names[1], "c": names[0]]),
        IndexCase(testDescription: "tensors in each other's place", index: ["a": names[1], "b": names[0]]),
        IndexCase(testDescription: "a tensor is not listed", index: ["b": names[1]]),
        IndexCase(testDescription: "no tensor is listed", index: [:]),
        IndexCase(testDescription: "another number of shards", index: ["a": "model-00001-of-00001.safetensors"]),
        IndexCase(
            testDescription: "a shard that is gone", index: ["a": names[0], "b": "model-00003-of-00003.safetensors"]),
    ]

    @Test(arguments: indexCases)
    private func `tensors are found where they lie, whatever the index says`(_ example: IndexCase) throws {
        let folder = try CheckpointUnderTest()
        try folder.writeWeights([("a", [1])], to: Self.names[0])
        try folder.writeWeights([("b", [2])], to: Self.names[1])
        if let index = example.index { try folder.writeIndex(index) }
        let checkpoint = try folder.open()
        #expect(checkpoint.tensorNames == ["a", "b"])
        #expect(try checkpoint.tensor("b", shape: [1, 1]).floats() == [2])
    }

    @Test func `one file counts and not the shards and the index next to it`() throws {
        let folder = try CheckpointUnderTest()
        try folder.writeWeights([("a", [1])], to: Self.names[0])
        try folder.writeIndex(["a": Self.names[0]])
        try folder.writeWeights([("a", [2])])
        #expect(try folder.open().tensor("a", shape: [1, 1]).floats() == [2])
    }

    @Test func `sets of shards among which no index chooses are refused`() throws {
        let folder = try CheckpointUnderTest()
        try folder.writeWeights([("a", [1])], to: "model-00001-of-00001.safetensors")
        try folder.writeWeights([("b", [2])], to: Self.names[0])
        #expect(folder.problem()?.contains("several sets") == true)
        try folder.writeIndex(["b": Self.names[0]])
        #expect(try folder.open().tensorNames == ["b"])
    }

    @Test func `a file that the index names and that is not there is named with the tensor that it may hold`() throws {
        let folder = try CheckpointUnderTest()
        try folder.writeIndex(["a": "one.safetensors", "b": "two.safetensors"])
        #expect(folder.problem()?.contains("one.safetensors") == true)
        try folder.writeWeights([("a", [1])], to: "one.safetensors")
        let checkpoint = try folder.open()
        #expect { try checkpoint.tensor("b", shape: [1]) } throws: { error in
            ["\"b\"", "two.safetensors", "complete the download"].allSatisfy("\(error)".contains)
        }
        try folder.write("short", to: "two.safetensors")
        #expect(folder.problem()?.contains("two.safetensors: is not a safetensors file") == true)
    }

    @Test(arguments: ["../model.safetensors", "/etc/hostname", "sub/model.safetensors", "..", ".", "", "a\u{0}b"])
    func shardsOutsideTheFolderAreNotOpened(_ shard: String) throws {
        let folder = try CheckpointUnderTest()
        try folder.writeIndex(["a": shard])
        #expect(folder.problem()?.contains("not the name of a file in the same folder") == true)
    }

    @Test(arguments: ["", "[]", "{}", #"{"weight_map": 3}"#, #"{"weight_map": {"a": 3}}"#])
    func anIndexWithoutAMapIsRefused(_ text: String) throws {
        let folder = try CheckpointUnderTest()
        try folder.write(text, to: "model.safetensors.index.json")
        #expect(folder.problem()?.contains("weight_map") == true)
    }
}
