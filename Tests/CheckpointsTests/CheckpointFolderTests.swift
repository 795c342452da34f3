import Checkpoints
import Foundation
import RepositoryFiles
import Safetensors
import Testing

@Suite struct CheckpointFolderTests {
    @Test func theGoldenCheckpointOpens() throws {
        let checkpoint = try Checkpoint(folder: Repository.golden.appending(path: "micro").path)
        #expect(checkpoint.tensorNames.count == 75)
        #expect(try checkpoint.configuration.integer("n_embd", in: 1...1000) == 192)
        #expect(try checkpoint.configuration.name.hasSuffix("micro/config.json") == true)
        #expect(checkpoint.generation == GenerationConfiguration())
        #expect(try checkpoint.text(of: .tokenizer) == nil)
        let embedding = try checkpoint.tensor("transformer.wte.weight", shape: [512, 192])
        #expect(embedding.type == .bf16)
        #expect(try embedding.floats().allSatisfy(\.isFinite))
        #expect(checkpoint.tensorNames.contains("transformer.core_block.3.norm_4.weight"))
        #expect(!checkpoint.tensorNames.contains("lm_head.weight"))
    }

    @Test func theCheckpointOfOddSizesOpens() throws {
        let checkpoint = try Checkpoint(folder: Repository.golden.appending(path: "odd").path)
        #expect(checkpoint.tensorNames.count == 49)
        #expect(try checkpoint.configuration.truth("tie_embeddings") == false)
        #expect(try checkpoint.tensor("lm_head.weight", shape: [517, 160]).floats().count == 517 * 160)
    }

    @Test func theTrainedCheckpointOpensFromItsFolderAndFromMemory() throws {
        let folder = Repository.wordmath.path
        let checkpoint = try Checkpoint(folder: folder)
        #expect(checkpoint.tensorNames.count == 75)
        #expect(checkpoint.generation.stopTokens == [631, 634])
        #expect(checkpoint.generation.isGreedy)
        #expect(try checkpoint.text(of: .tokenizerConfiguration)?.contains("chat_template") == true)

        var files: [String: MappedFile] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            files[name] = try MappedFile(path: folder + "/" + name)
        }
        let inMemory = try Checkpoint(name: "the embedded checkpoint", files: files)
        #expect(try inMemory.text(of: .configuration) == checkpoint.text(of: .configuration))
        #expect(try inMemory.configuration.members.map(\.key) == checkpoint.configuration.members.map(\.key))
        #expect(inMemory.generation == checkpoint.generation)
        #expect(inMemory.tensorNames == checkpoint.tensorNames)
        #expect(try inMemory.text(of: .tokenizer) == checkpoint.text(of: .tokenizer))
        let shape = [288, 576]
        #expect(
            try inMemory.tensor("transformer.adapter.weight", shape: shape).floats()
                == checkpoint.tensor("transformer.adapter.weight", shape: shape).floats())
    }

    @Test func rowsOfATensorAreReadIntoTheCallersBuffer() throws {
        let checkpoint = try Checkpoint(folder: Repository.golden.appending(path: "micro").path)
        let tensor = try checkpoint.tensor("transformer.adapter.weight", shape: [192, 384])
        let all = try tensor.floats()
        var rows = [Float](repeating: 0, count: 3 * 384)
        try rows.withUnsafeMutableBufferPointer { try tensor.read(rows: 7..<10, into: $0) }
        #expect(rows == Array(all[7 * 384..<10 * 384]))
        #expect(throws: SafetensorsError.self) {
            try rows.withUnsafeMutableBufferPointer { try tensor.read(rows: 190..<193, into: $0) }
        }
    }

    @Test func tensorsOutliveTheCheckpointTheyCameFrom() throws {
        let folder = try CheckpointUnderTest()
        try folder.writeWeights([("a", [1, 2])])
        let tensor = try folder.open().tensor("a", shape: [1, 2])
        #expect(try tensor.floats() == [1, 2])
    }

    @Test func extraTensorsAreIgnoredAndMissingOrMisshapenOnesAreNamed() throws {
        let folder = try CheckpointUnderTest()
        let layout = try SafetensorsLayout([
            .init("freqs_cis", .f64, [2]), .init("w", .bf16, [2, 3]), .init("ids", .i32, [1]),
        ])
        try SafetensorsWriter.write(layout, to: folder.path + "/model.safetensors") { writer in
            for tensor in layout.tensors {
                try [UInt8](repeating: 0, count: tensor.range.count).withUnsafeBytes {
                    try writer.append($0, to: tensor.name)
                }
            }
        }
        let checkpoint = try folder.open()
        #expect(try checkpoint.tensor("w", shape: [2, 3]).floats() == [0, 0, 0, 0, 0, 0])
        func message(_ name: String, _ shape: [Int]) throws -> String {
            let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor(name, shape: shape) }
            return try #require(error).description
        }
        let missing = try message("v", [4, 5])
        #expect(missing.contains("\"v\"") && missing.contains("[4, 5]") && missing.contains(folder.path))
        let misshapen = try message("w", [3, 2])
        #expect(misshapen.contains("\"w\"") && misshapen.contains("[2, 3]") && misshapen.contains("[3, 2]"))
        let mistyped = try message("ids", [1])
        #expect(mistyped.contains("\"ids\"") && mistyped.contains("I32"))
    }

    @Test func whatIsMissingIsNamed() throws {
        let folder = try CheckpointUnderTest()
        #expect(folder.problem()?.contains("model.safetensors") == true)
        try folder.writeWeights([])
        #expect(folder.problem() == nil)
        try FileManager.default.removeItem(atPath: folder.path + "/config.json")
        #expect(folder.problem()?.contains("config.json") == true)
    }

    @Test func pathsThatAreNoFolderAreRefusedByName() throws {
        let folder = try CheckpointUnderTest()
        for path in ["", folder.path + "/missing", folder.path + "/config.json", "/dev/null"] {
            #expect { try Checkpoint(folder: path) } throws: { "\($0)".hasPrefix(path + ":") }
        }
    }

    @Test func damagedDocumentsAreNamedWithTheirPath() throws {
        let folder = try CheckpointUnderTest()
        try folder.writeWeights([])
        try folder.write("{", to: "generation_config.json")
        #expect(folder.problem()?.hasPrefix(folder.path + "/generation_config.json:") == true)
        try folder.write("{}", to: "generation_config.json")
        try Data([0x7B, 0xFF, 0x7D]).write(to: URL(fileURLWithPath: folder.path + "/tokenizer.json"))
        let checkpoint = try folder.open()
        #expect { try checkpoint.text(of: .tokenizer) } throws: { "\($0)".contains("UTF-8") }
        try FileManager.default.removeItem(atPath: folder.path + "/tokenizer.json")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/tokenizer.json", withDestinationPath: "nowhere")
        #expect(folder.problem()?.contains("tokenizer.json") == true)
    }
}
