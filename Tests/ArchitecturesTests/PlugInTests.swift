import Architectures
import Checkpoints
import Compiler
import Foundation
import IR
import PlanBuilder
import Plans
import RepositoryFiles
import Runtime
import Testing

/// What a family of models needs to be compiled: nothing but its own file.
@Suite struct PlugInTests {
    private static func tiny() throws -> TinyArchitecture {
        try TinyArchitecture(ConfigurationDocument(json: #"{"model_type": "tiny"}"#, name: "tiny"), tensors: nil)
    }

    @Test func `a family that a test defines is compiled, fused and scheduled as the built-in ones`() throws {
        let compiler = try ModelCompiler(Self.tiny(), CompilationSettings(weights: .bf16))
        let schedule = try compiler.schedule(compiler.lower())
        let names = Set(schedule.functions.map(\.name))
        for kind in FunctionName.Kind.allCases {
            for head in FunctionName.Head.allCases { #expect(names.contains(FunctionName(kind, head).description)) }
        }
        let step = try #require(schedule.functions.first { $0.name == "decode" && $0.unrolled == 3 })
        var counts: [String: Int] = [:]
        for instruction in step.instructions { counts[instruction.opcode.name, default: 0] += 1 }
        // One of each for every recurrence; the input's half of the adapter is hoisted out of them.
        for fused in ["project_rope_write", "wavefront_attention", "linear_silu_gate"] {
            #expect(counts[fused] == 3, "\(fused)")
        }
        #expect(counts["linear_argmax"] == 1)
        #expect(counts["rope"] == nil && counts["concat"] == nil && counts["silu"] == nil && counts["norm"] == nil)
        #expect(step.results.map(\.name) == ["state", "embeddings", "token"])
    }

    @Test func `nothing outside its folder names a model, but for the registry and the texts of help`() throws {
        let sources = Repository.root.appending(path: "Sources")
        let families = ["huginn", "ouro", "nanbeige", "retrofit", "hrm"]
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var checked = 0
        for case let file as URL in files where ["swift", "c", "h", "js", "def"].contains(file.pathExtension) {
            let path = String(file.path.dropFirst(sources.path.count + 1))
            if path.hasPrefix("Architectures/") { continue }
            checked += 1
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let text = line.lowercased()
                guard families.contains(where: text.contains) else { continue }
                // Examples in the help of a command, its list of families, and an option's reference to published code.
                let isHelp = path.hasPrefix("echelon/") && !text.contains("import") && !text.contains("configuration(")
                #expect(isHelp, "\(path): \(line)")
            }
        }
        #expect(checked > 200)
    }

    @Test func `no two families have one name, and each says what a reader needs`() {
        let records = ArchitectureRegistry.all.map { $0.record }
        #expect(Set(records.map(\.name)).count == records.count)
        for record in records {
            #expect(!record.checkpoints.isEmpty && record.paper.hasPrefix("arXiv "))
        }
    }
}
