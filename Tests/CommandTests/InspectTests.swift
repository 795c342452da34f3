import Foundation
import Testing

@Suite struct InspectTests {
    private struct Summary: Decodable {
        struct Function: Decodable, Equatable {
            var name: String
            var unrolled: Int?
            var instructions: Int
            var barriers: Int
            var arenaBytesPerRow: Int
            var unplannedBytesPerRow: Int
            var label: String { unrolled.map { "\(name).r\($0)" } ?? name }
        }
        struct Weight: Decodable { var name: String }
        struct Cache: Decodable { var name: String }
        var bytes: Int
        var weights: [Weight]
        var caches: [Cache]
        var functions: [Function]
    }

    private struct Detail: Decodable {
        struct Tape: Decodable {
            struct Instruction: Decodable { var opcode: String }
            var instructions: [Instruction]
        }
        var summary: Summary.Function
        var graph: String
        var tape: Tape
    }

    @Test func `the summary lists every function with its sizes`() throws {
        let summary = try self.summary()
        let text = try EchelonCommand.run("inspect", TestModels.oddPlan).succeeded().text
        #expect(summary.functions.count >= 6)
        #expect(Set(summary.functions.map(\.label)).isSuperset(of: ["prefill", "step", "decode", "decode.r6", "step.r4"]))
        for function in summary.functions {
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(function.label + " ") })
            #expect(line.contains(" \(function.instructions) ") && line.contains(" \(function.arenaBytesPerRow) B"))
            #expect(function.arenaBytesPerRow < function.unplannedBytesPerRow, "memory is shared")
            #expect(function.barriers <= function.instructions)
        }
        #expect(try summary.bytes == Data(contentsOf: URL(filePath: TestModels.oddPlan)).count)
        #expect(summary.weights.count > 20 && summary.caches.count == 5)
        #expect(text.contains("width 160, vocabulary 517, context 128"))
    }

    @Test func `every function shows its graph, tape and memory`() throws {
        for function in try summary().functions {
            let arguments = ["inspect", try TestModels.oddPlan, "--function", function.label]
            let text = try EchelonCommand.run(arguments).succeeded().text
            #expect(text.contains("@\(function.label)(") || text.contains("\(function.label)("), "\(text.prefix(200))")
            #expect(text.contains("tape: \(function.instructions) instructions"))
            #expect(text.contains("arena: \(function.arenaBytesPerRow) bytes a row"))
            #expect(text.components(separatedBy: "------ barrier").count - 1 == function.barriers)

            let detail = try EchelonCommand.run(arguments + ["--json"]).json(Detail.self)
            #expect(detail.summary == function)
            #expect(detail.tape.instructions.count == function.instructions)
            #expect(text.hasPrefix(detail.graph))
        }
    }

    @Test func `a checkpoint folder is inspected as its plan`() throws {
        let plan = try EchelonCommand.run("inspect", TestModels.oddPlan, "--function", "step").succeeded().text
        #expect(try EchelonCommand.run("inspect", TestModels.odd, "--function", "step").succeeded().text == plan)
    }

    @Test func `a stage may be one function's alone, and json`() throws {
        struct Stage: Decodable {
            var stage: String
            var graph: String
        }
        let plan = try TestModels.oddPlan
        let module = try EchelonCommand.run("inspect", plan, "--stage", "source").succeeded().text
        let arguments = ["inspect", plan, "--stage", "source", "--function", "step"]
        let step = try EchelonCommand.run(arguments).succeeded().text
        #expect(step.count < module.count)
        #expect(module.contains(step.trimmingCharacters(in: .newlines)))
        let report = try EchelonCommand.run(arguments + ["--json"]).json(Stage.self)
        #expect(report.stage == "source" && report.graph == step)
    }

    @Test func `what there is not is refused by name`() throws {
        let plan = try TestModels.oddPlan
        try EchelonCommand.run("inspect", plan, "--function", "decode.r7").expectRefusal("decode.r7", "decode.r6")
        try EchelonCommand.run("inspect", plan, "--stage", "source", "--function", "step.r4")
            .expectRefusal("step.r4", "source")
        try EchelonCommand.run("inspect", plan, "--stage", "lower").expectUsageError("lower-weights")
        try EchelonCommand.run("inspect", "missing.plan").expectRefusal("missing.plan")
    }

    private func summary() throws -> Summary {
        try EchelonCommand.run("inspect", TestModels.oddPlan, "--json").json(Summary.self)
    }
}
