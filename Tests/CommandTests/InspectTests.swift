import Foundation
import Inspection
import Plans
import Reports
import Testing

@Suite struct InspectTests {
    @Test func `the summary lists every function that returns tokens, with its sizes`() throws {
        let summary = try self.summary()
        let text = try EchelonCommand.run("inspect", TestModels.oddPlan, "--no-probe").succeeded().text
        #expect(summary.functions.count >= 6)
        let labels = Set(summary.functions.map(\.label))
        #expect(labels.isSuperset(of: ["prefill", "step", "decode", "decode.r6", "step.r4"]))
        for function in summary.functions where FunctionName(function.name)?.head == .token {
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

            let detail = try EchelonCommand.run(arguments + ["--json", "--no-probe"]).json(Inspection.self)
            #expect(detail.functions.map(\.label) == [function.label], "only that function")
            #expect(detail.functions[0].tape.count == function.instructions)
        }
    }

    @Test func `a checkpoint folder is inspected as its plan`() throws {
        let plan = try EchelonCommand.run("inspect", TestModels.oddPlan, "--function", "step").succeeded().text
        #expect(try EchelonCommand.run("inspect", TestModels.odd, "--function", "step").succeeded().text == plan)
    }

    @Test func `a stage may be one function's alone, and json`() throws {
        let plan = try TestModels.oddPlan
        let module = try EchelonCommand.run("inspect", plan, "--stage", "source").succeeded().text
        let arguments = ["inspect", plan, "--stage", "source", "--function", "step"]
        let step = try EchelonCommand.run(arguments).succeeded().text
        #expect(step.count < module.count)
        #expect(module.contains(step.trimmingCharacters(in: .newlines)))
        let report = try EchelonCommand.run(arguments + ["--json"]).json(StageReport.self)
        #expect(report.stage == "source" && report.graph == step)
    }

    @Test func `what there is not is refused by name`() throws {
        let plan = try TestModels.oddPlan
        try EchelonCommand.run("inspect", plan, "--function", "decode.r7").expectRefusal("decode.r7", "decode.r6")
        try EchelonCommand.run("inspect", plan, "--stage", "source", "--function", "step.r4")
            .expectRefusal("step.r4", "source")
        try EchelonCommand.run("inspect", plan, "--stage", "lower").expectRefusal("lower-weights")
        try EchelonCommand.run("inspect", plan, "--diff", "tape").expectRefusal("fuse-gate")
        try EchelonCommand.run("inspect", plan, "--diff", "source").expectRefusal("source")
        try EchelonCommand.run("inspect", plan, "--rows", "129")
            .expectRefusal("--rows", "128", status: 64)
        try EchelonCommand.run("inspect", plan, "--rows", "128", "--context", "1")
            .expectRefusal("--context", status: 64)
        try EchelonCommand.run("inspect", "missing.plan").expectRefusal("missing.plan")
    }

    @Test func `forms that contradict each other are refused`() throws {
        let plan = try TestModels.oddPlan
        try EchelonCommand.run("inspect", plan, "--format", "dot").expectUsageError("--function")
        try EchelonCommand.run("inspect", plan, "--format", "dot", "--function", "step", "--stage", "tape")
            .expectUsageError("tape")
        try EchelonCommand.run("inspect", plan, "--format", "html", "--function", "step").expectUsageError("page")
        try EchelonCommand.run("inspect", plan, "--json", "--format", "text").expectUsageError("--json")
        try EchelonCommand.run("inspect", plan, "--stage", "source", "--diff", "fuse-gate").expectUsageError("--diff")
        try EchelonCommand.run("inspect", plan, "--diff", "fuse-gate", "--json").expectUsageError("--diff")
        try EchelonCommand.run("inspect", plan, "--unfold").expectUsageError("--unfold")
        try EchelonCommand.run("inspect", plan, "--rows", "0").expectUsageError("--rows")
    }

    @Test func `the summary fits a screen and predicts a time for every function that returns tokens`() throws {
        let arguments = ["inspect", try TestModels.oddPlan, "--rows", "64", "--context", "60"]
        let text = try EchelonCommand.run(arguments).succeeded().text
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 24 && lines.allSatisfy { $0.count <= 120 })
        #expect(text.contains("GB/s") && text.contains("after 60 positions") && text.contains(" 64 rows\n"))
        for function in try summary().functions where FunctionName(function.name)?.head == .token {
            let words = try #require(lines.first { $0.hasPrefix(function.label + " ") }).split(separator: " ")
            #expect(words.last == "ms")
            #expect(try #require(words.dropLast().last.flatMap { Double($0) }) > 0)
        }
        let unmeasured = try EchelonCommand.run(arguments + ["--no-probe"]).succeeded().text
        #expect(!unmeasured.contains(" ms") && !unmeasured.contains("GB/s"))
    }

    /// The odd model has a prelude of one block and a coda of two, whose caches do not grow with the budget.
    @Test func `text and json tell the memory of caches in every format and for both budgets`() throws {
        let arguments = ["inspect", try TestModels.oddPlan, "--no-probe"]
        let memory = try #require(try EchelonCommand.run(arguments + ["--json"]).json(Inspection.self).cacheMemory)
        #expect(Set(memory.map(\.format)) == ["f32", "bf16", "int8"])
        #expect(memory.map(\.budget) == [1, 6, 1, 6, 1, 6] && memory.filter(\.isDefault).count == 2)
        let text = try EchelonCommand.run(arguments).succeeded().text
        for entry in memory { #expect(text.contains(" \(entry.bytesPerPosition)"), "\(entry)") }
    }

    @Test func `json predicts what the summary does, and says from what`() throws {
        let arguments = ["inspect", try TestModels.oddPlan, "--json"]
        let report = try EchelonCommand.run(arguments + ["--rows", "8", "--context", "20", "--threads", "1"])
            .json(Inspection.self)
        let prediction = try #require(report.prediction)
        #expect(prediction.rows == 8 && prediction.context == 20 && prediction.threads == 1 && prediction.readGbS > 0)
        #expect(report.functions.allSatisfy { $0.predictedMs ?? 0 > 0 })
        // The core runs six recurrences in a decode and four in a step.
        let milliseconds = Dictionary(uniqueKeysWithValues: report.functions.map { ($0.label, $0.predictedMs ?? 0) })
        #expect(try #require(milliseconds["decode.r6"]) > #require(milliseconds["step.r4"]))

        let unmeasured = try EchelonCommand.run(arguments + ["--no-probe"]).json(Inspection.self)
        #expect(unmeasured.prediction == nil && unmeasured.functions.allSatisfy { $0.predictedMs == nil })
        try EchelonCommand.run(arguments + ["--rows", "129"]).expectRefusal("--rows", "128", status: 64)
    }

    @Test func `a plan without weights says so, and its times are predicted all the same`() throws {
        let folder = try TemporaryFolder()
        let bare = folder.file("bare.plan")
        _ = try EchelonCommand.run("compile", TestModels.odd, "--no-weights", "-o", bare).succeeded()
        for (plan, hasWeights) in [(bare, false), (try TestModels.oddPlan, true)] {
            let text = try EchelonCommand.run("inspect", plan, "--no-probe").succeeded().text
            #expect(text.prefix { $0 != "\n" }.contains("without weights") == !hasWeights)
            let json = try EchelonCommand.run("inspect", plan, "--json").json(Inspection.self)
            #expect(json.hasWeights == hasWeights && json.functions.allSatisfy { $0.predictedMs ?? 0 > 0 })
        }
    }

    @Test func `a diff shows what a pass fused, and nothing where it did nothing`() throws {
        let plan = try TestModels.oddPlan
        func difference(_ pass: String) throws -> String {
            try EchelonCommand.run("inspect", plan, "--function", "step", "--diff", pass).succeeded().text
        }
        let diff = try difference("fuse-argmax")
        let lines = diff.split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("-") && !$0.hasPrefix("---") }.count == 2, "\(diff)")
        let added = lines.filter { $0.hasPrefix("+") && !$0.hasPrefix("+++") }
        #expect(added.count == 1 && added[0].contains("linear_argmax"))
        #expect(!diff.contains("\u{1B}"), "colors are for terminals")
        let unrolled = ["inspect", plan, "--function", "decode.r6", "--diff", "fuse-gate"]
        let folded = try EchelonCommand.run(unrolled).succeeded().text
        let whole = try EchelonCommand.run(unrolled + ["--unfold"]).succeeded().text
        #expect(folded.contains("places more") && !whole.contains("places more") && folded.count < whole.count / 2)
        #expect(try difference("lower-weights") == "lower-weights changes nothing in step.\n")
        let all = try EchelonCommand.run("inspect", plan, "--diff", "split-adapter").succeeded().text
        #expect(all.contains("+weight @transformer.adapter.weight.0_160"))
        #expect(all.contains("+++ step (split-adapter)") && all.contains("+++ decode.r6 (split-adapter)"))
    }

    @Test func `a tape is a stage too`() throws {
        let plan = try TestModels.oddPlan
        let whole = try EchelonCommand.run("inspect", plan, "--stage", "tape").succeeded().text
        let step = try EchelonCommand.run("inspect", plan, "--stage", "tape", "--function", "step").succeeded().text
        #expect(step.hasPrefix("step\ntape: ") && whole.contains(step))
    }

    @Test func `files get the form of their name, complete or not at all`() throws {
        let folder = try TemporaryFolder()
        let plan = try TestModels.oddPlan
        func file(_ name: String, _ options: String...) throws -> String {
            let run = try EchelonCommand.run(["inspect", plan, "-o", folder.file(name)] + options).succeeded()
            #expect(run.output.isEmpty)
            return try String(contentsOfFile: folder.file(name), encoding: .utf8)
        }
        #expect(try file("step.dot", "--function", "step").hasPrefix("digraph \"step\" {"))
        #expect(try file("step.gv", "--function", "step", "--stage", "source", "--unfold").contains("cache_write"))
        let json = try file("all.json", "--no-probe")
        #expect(try json == EchelonCommand.run("inspect", plan, "--json", "--no-probe").succeeded().text)
        let page = try file("page.html")
        #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
        #expect(page.contains("linear_silu_gate") && page.contains("decode.logits.r6"))
        try EchelonCommand.run("inspect", plan, "-o", folder.file("none/page.html")).expectRefusal("none/page.html")
        #expect(try Set(folder.contents) == ["step.dot", "step.gv", "all.json", "page.html"])
    }

    private func summary() throws -> Inspection {
        try EchelonCommand.run("inspect", TestModels.oddPlan, "--json", "--no-probe").json(Inspection.self)
    }
}
