import Foundation
import Plans
import Reports
import Safetensors
import Testing

@Suite struct CompileTests {
    @Test func `compiling twice gives the same plan, and a second one takes the first one's place`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("odd.plan")
        try Data("an older file".utf8).write(to: URL(filePath: path))
        _ = try compile(to: path)
        #expect(try Data(contentsOf: URL(filePath: path)) == Data(contentsOf: URL(filePath: TestModels.oddPlan)))
        #expect(try folder.contents == ["odd.plan"])
    }

    @Test func `a name of one character is a place like any other, and an empty one is none`() throws {
        let folder = try TemporaryFolder()
        _ = try EchelonCommand.run(["compile", TestModels.odd, "-o", "p"], in: folder.path).succeeded()
        #expect(try folder.contents == ["p"])
        try EchelonCommand.run(["compile", TestModels.odd, "-o", ""], in: folder.path).expectRefusal()
        #expect(try folder.contents == ["p"])
    }

    @Test func `a plan needs nothing of its checkpoint, and may be moved`() throws {
        let folder = try TemporaryFolder()
        let checkpoint = folder.file("checkpoint")
        try FileManager.default.copyItem(atPath: TestModels.wordmath, toPath: checkpoint)
        _ = try EchelonCommand.run("compile", checkpoint, "-o", folder.file("a.plan")).succeeded()
        try FileManager.default.removeItem(atPath: checkpoint)
        try FileManager.default.moveItem(atPath: folder.file("a.plan"), toPath: folder.file("b.plan"))
        let report = try generate([
            folder.file("b.plan"), "Sam has 7 pens. Sam buys 5 pens. How many pens does Sam have?",
        ])
        #expect(report.text == "7 + 5 = 12\n#### 12")
    }

    @Test func `json tells the settings and the functions`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("odd.plan")
        let run = try compile(
            to: path, "--json", "--weights", "bf16", "--recurrence", "3", "--inner-recurrence", "2", "--max-rows", "32",
            "--context", "64")
        let report = try run.json(CompileReport.self)
        #expect(report.plan == path)
        #expect(try report.bytes == Data(contentsOf: URL(filePath: path)).count)
        #expect(
            report.settings
                == PlanSettings(
                    model: ModelFacts(
                        architecture: "huginn", stateDeviation: Float(0.4).squareRoot(), sharesCaches: true,
                        injectsInput: true),
                    width: 160, vocabulary: 517, context: 64, maxRows: 32, weights: .bf16, recurrence: 3,
                    innerRecurrence: 2, passes: report.settings.passes))
        #expect(report.functions.contains { $0.sizes.name == "decode" && $0.sizes.unrolled == 3 })
        #expect(report.functions.contains { $0.sizes.name == "step" && $0.sizes.unrolled == 2 })
        #expect(report.functions.allSatisfy { $0.sizes.instructions > 0 })

        let twenty = [String](repeating: "1", count: 33).joined(separator: ",")
        try EchelonCommand.run("generate", path, "--tokens", twenty).expectRefusal("--max-rows")
        let seventy = [String](repeating: "1", count: 70).joined(separator: ",")
        try EchelonCommand.run("generate", path, "--tokens", seventy).expectRefusal("context is 64")
    }

    @Test func `bf16 weights take half the bytes, and the plan is a safetensors file`() throws {
        let f32 = try SafetensorsFile(path: TestModels.wordmathPlan).file.count
        let bf16 = try SafetensorsFile(path: TestModels.wordmathBF16Plan).file.count
        #expect(Double(bf16) < 0.55 * Double(f32))
    }

    // MARK: --weights-for

    @Test(arguments: [
        ["--weights", "int4", "--weights-for", "*.mlp.*=int8"],
        ["--weights", "bf16", "--weights-for", "*.core_block.[0-2].*=int8", "--weights-for", "*.Wqkv.*=int4"],
        ["--weights", "f32", "--weights-for", "embedding=int8"],
    ])
    func `a plan of several formats answers`(_ options: [String]) throws {
        let folder = try TemporaryFolder()
        let plan = folder.file("mixed.plan")
        _ = try EchelonCommand.run(["compile", TestModels.wordmath, "-o", plan] + options).succeeded()
        let report = try generate([plan, "Sam has 7 pens. Sam buys 5 pens. How many pens does Sam have?"])
        #expect(report.text == "7 + 5 = 12\n#### 12")
    }

    @Test func `of several patterns the first that matches counts, and head and embedding are words for matrices`()
        throws
    {
        let folder = try TemporaryFolder()
        let plan = folder.file("odd.plan")
        _ = try compile(
            to: plan, "--weights", "bf16", "--weights-for", "*.coda.0.mlp.fc.*=f32", "--weights-for", "*.mlp.fc.*=int4",
            "--weights-for", "head=int8", "--weights-for", "lm_head.weight=int4")
        let report = try EchelonCommand.run(
            "bench", plan, "--quick", "--only", "matrices", "--rows", "1", "--repeats", "1", "--json"
        ).json(BenchReport.self)
        let formats = Dictionary(report.matrices.map { ($0.name, $0.format) }) { first, _ in first }
        #expect(formats["coda.0.mlp.fc"] == .f32)
        #expect(formats["prelude.0.mlp.fc"] == .int4)
        #expect(formats["lm_head"] == .int8)
        #expect(formats["prelude.0.attn.Wqkv"] == .bf16)

        // The embedding is read row by row and is not part of a product, so the size of the plan shows its format.
        func size(_ options: String...) throws -> Int {
            let path = folder.file("size.plan")
            _ = try EchelonCommand.run(["compile", TestModels.odd, "-o", path] + options).succeeded()
            return try SafetensorsFile(path: path).file.count
        }
        let saved = try size() - size("--weights-for", "embedding=bf16")
        #expect(saved > 517 * 160 * 2 * 9 / 10 && saved < 517 * 160 * 2 * 11 / 10, "\(saved) bytes")
    }

    @Test func `a pattern that matches no matrix is refused by name, and nothing is written`() throws {
        let folder = try TemporaryFolder()
        try EchelonCommand.run("compile", TestModels.odd, "-o", folder.file("x"), "--weights-for", "*.mpl.*=int8")
            .expectRefusal("*.mpl.*")
        #expect(try folder.contents.isEmpty)
    }

    @Test(arguments: ["int8", "=int8", "head=", "head=int3", "*.mlp.*=INT8", ""])
    func `a rule that is none is a usage error`(_ rule: String) throws {
        let folder = try TemporaryFolder()
        try EchelonCommand.run("compile", TestModels.odd, "-o", folder.file("x"), "--weights-for", rule)
            .expectUsageError("--weights-for")
        #expect(try folder.contents.isEmpty)
    }

    // MARK: --print-after

    @Test func `--print-after all prints the module after each pass, in order, and compiles as without`() throws {
        let folder = try TemporaryFolder()
        let run = try compile(to: folder.file("odd.plan"), "--print-after", "all")
        let passes = printed(run.text).map(\.pass)
        #expect(passes.count >= 10)
        #expect(passes == (try documentedPasses()))
        #expect(
            try Data(contentsOf: URL(filePath: folder.file("odd.plan")))
                == Data(contentsOf: URL(filePath: TestModels.oddPlan)))
    }

    @Test func `what --print-after prints is what inspect shows of that stage`() throws {
        let folder = try TemporaryFolder()
        let run = try compile(
            to: folder.file("odd.plan"), "--print-after", "hoist-invariants", "--print-after", "fuse-gate")
        let modules = printed(run.text)
        #expect(modules.map(\.pass) == ["hoist-invariants", "fuse-gate"])
        for module in modules {
            let stage = try EchelonCommand.run("inspect", TestModels.oddPlan, "--stage", module.pass).succeeded()
            #expect(stage.text == module.text)
        }
        #expect(modules.first?.text != modules.last?.text)
    }

    @Test func `an unknown pass is a usage error that names the passes`() throws {
        let folder = try TemporaryFolder()
        let arguments = ["compile", TestModels.odd, "-o", folder.file("x"), "--print-after", "optimize"]
        try EchelonCommand.run(arguments).expectUsageError("fuse-gate")
        #expect(try folder.contents.isEmpty)
    }

    // MARK: Refusals

    @Test(arguments: [
        ["--recurrence", "-1"], ["--recurrence", "9223372036854775807"], ["--inner-recurrence", "0"],
        ["--inner-recurrence", "-1"], ["--inner-recurrence", "10000000"], ["--max-rows", "0"], ["--max-rows", "-5"],
        ["--max-rows", "9223372036854775807"], ["--context", "0"], ["--context", "-1"],
        ["--context", "9223372036854775807"],
    ])
    func `a number out of range is refused, and nothing is written`(_ options: [String]) throws {
        let folder = try TemporaryFolder()
        try EchelonCommand.run(["compile", TestModels.odd, "-o", folder.file("odd.plan")] + options)
            .expectRefusal(options[1], status: 64)
        #expect(try folder.contents.isEmpty)
    }

    @Test func `a number beyond the checkpoint's own is refused`() throws {
        let folder = try TemporaryFolder()
        for options in [["--context", "129"], ["--max-rows", "129"]] {
            try EchelonCommand.run(["compile", TestModels.odd, "-o", folder.file("odd.plan")] + options)
                .expectRefusal("129")
        }
        #expect(try folder.contents.isEmpty)
    }

    @Test func `a place that cannot be written to is refused`() throws {
        let folder = try TemporaryFolder()
        try EchelonCommand.run("compile", TestModels.odd, "-o", folder.file("missing/odd.plan"))
            .expectRefusal("missing/odd.plan", "No such file or directory")
        try EchelonCommand.run("compile", TestModels.odd, "-o", folder.path).expectRefusal("is a folder")
        try EchelonCommand.run("compile", TestModels.odd, "-o", "/dev/full").expectRefusal(
            "written to a file", status: 64)
        #expect(try folder.contents.isEmpty)
    }

    @Test func `a failed compilation leaves the plan that was there`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("odd.plan")
        try Data("an older plan".utf8).write(to: URL(filePath: path))
        try EchelonCommand.run("compile", TestModels.repository.path, "-o", path).expectRefusal("config.json")
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("an older plan".utf8))
        #expect(try folder.contents == ["odd.plan"])
    }

    // MARK: Helpers

    private func compile(to path: String, _ options: String...) throws -> CommandRun {
        try EchelonCommand.run(["compile", TestModels.odd, "-o", path] + options).succeeded()
    }

    /// The modules in the output of --print-after, each with the pass that its heading names.
    private func printed(_ text: String) -> [(pass: String, text: String)] {
        var modules: [(pass: String, text: String)] = []
        let heading = "// after "
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix(heading) {
                modules.append((String(line.dropFirst(heading.count).prefix { $0 != ":" }), ""))
            } else if !modules.isEmpty {
                modules[modules.count - 1].text += line + "\n"
            }
        }
        return modules
    }

    /// The names that the help lists.
    private func documentedPasses() throws -> [String] {
        let help = try EchelonCommand.run("compile", "--help").succeeded().text
        let words = help.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let start = try #require(words.range(of: "Passes, in order: ")).upperBound
        return words[start...].prefix { $0 != "." }.split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
    }
}
