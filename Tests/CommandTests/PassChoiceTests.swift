import Foundation
import Inspection
import Reports
import Testing

/// The options `compile --passes`, `--disable-pass` and `--no-weights`.
@Suite struct PassChoiceTests {
    private static let huginn = TestModels.repository.appending(path: "Tools/bench/huginn-0125.json").path

    private func compile(_ options: String..., to path: String) throws -> CompileReport {
        try EchelonCommand.run(["compile", TestModels.odd, "-o", path, "--json"] + options).json(CompileReport.self)
    }

    // MARK: Passes

    @Test func `a plan remembers its pipeline, and inspect shows its stages and no others`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("odd.plan")
        let report = try compile("--passes", "split-adapter,fuse-argmax,fuse-gate", to: path)
        #expect(report.settings.passes == ["split-adapter", "fuse-argmax", "fuse-gate"])
        #expect(report.functions.allSatisfy { $0.sizes.unrolled == nil })

        let last = try EchelonCommand.run("inspect", path, "--stage", "fuse-gate").succeeded().text
        #expect(last.contains("linear_silu_gate") && last.contains("linear_argmax") && !last.contains("add_norm"))
        let before = try EchelonCommand.run("inspect", path, "--stage", "fuse-argmax").succeeded().text
        #expect(!before.contains("linear_silu_gate") && before.contains("linear_argmax"))
        try EchelonCommand.run("inspect", path, "--stage", "fuse-residual-norm").expectRefusal("fuse-residual-norm")
        let step = try EchelonCommand.run("inspect", path, "--function", "step").succeeded().text
        #expect(step.contains("linear_silu_gate") && step.contains("repeat recurrences"))
    }

    @Test func `a plan without a pass generates what the whole one does, with more instructions`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("odd.plan")
        let whole = try EchelonCommand.run("inspect", TestModels.oddPlan, "--json").json(Inspection.self)
        let options = ["--tokens", "1,2,3,4,5", "--init-scale", "0", "--ignore-eos", "--max-new-tokens", "8"]
        let expected = try EchelonCommand.run(["generate", TestModels.oddPlan] + options).succeeded().text
        let report = try compile("--disable-pass", "fuse-gate", "--disable-pass", "fuse-residual-norm", to: path)
        let passes = try #require(report.settings.passes)
        #expect(!passes.contains("fuse-gate") && passes.contains("fuse-argmax"))
        for (function, fused) in zip(report.functions, whole.functions) {
            #expect(function.sizes.instructions > fused.instructions)
        }
        #expect(try EchelonCommand.run(["generate", path] + options).succeeded().text == expected)
    }

    @Test func `a loop costs what its copies cost: instructions and weights once a recurrence`() throws {
        let folder = try TemporaryFolder()
        let unrolled = try compile(to: folder.file("a")).functions
        let looping = try compile("--disable-pass", "unroll-recurrences", to: folder.file("b")).functions
        let copy = try #require(unrolled.first { $0.sizes.name == "step" && $0.sizes.unrolled == 4 })
        let loop = try #require(looping.first { $0.sizes.name == "step" && $0.sizes.unrolled == 4 })
        #expect(copy.call.recurrences == 4 && loop.call.recurrences == 4)
        #expect(copy.call.instructions == copy.sizes.instructions)
        #expect(loop.call.instructions > loop.sizes.instructions && loop.sizes.instructions < copy.sizes.instructions)
        #expect(loop.call.weightBytes == copy.call.weightBytes)
    }

    @Test(arguments: [
        (["--passes", "fuse-gates"], "Did you mean fuse-gate?"), (["--disable-pass", "fuse"], "no pass 'fuse'"),
        (["--passes", "unroll-recurrences,hoist-invariants"], "hoist-invariants has to run before unroll-recurrences"),
        (["--passes", "fuse-gate,fuse-gate"], "named twice"),
        (["--passes", "fuse-gate", "--disable-pass", "fuse-argmax"], "disables nothing"),
        (["--passes", "lower-weights=bf16"], "--weights"),
        (["--disable-pass", "lower-weights", "--weights", "int8"], "cannot be left out"),
        (["--passes", "fuse-gate", "--weights-for", "head=int4"], "cannot be left out"),
        (["--disable-pass", "fuse-gate", "--print-after", "fuse-gate"], "no such pass runs"),
    ])
    func `an illegal pipeline is a usage error with the reason`(_ options: [String], _ reason: String) throws {
        let folder = try TemporaryFolder()
        try EchelonCommand.run(["compile", TestModels.odd, "-o", folder.file("x")] + options).expectUsageError(reason)
        #expect(try folder.contents.isEmpty)
    }

    // MARK: Plans without weights

    @Test func `a configuration alone makes a plan that inspect opens and nothing runs`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("huginn.plan")
        let start = ContinuousClock.now
        let report = try EchelonCommand.run(
            "compile", "--config", Self.huginn, "--no-weights", "--weights", "int8", "-o", path, "--json"
        ).json(CompileReport.self)
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(!report.hasWeights && report.bytes < 4_000_000)
        let step = try #require(report.functions.first { $0.sizes.name == "step" && $0.sizes.unrolled == 4 })
        // Each block's matrices count once for each time that the block runs: 2 + 4 × 4 + 2 blocks of about 395 million
        // weights.
        #expect(step.call.weightBytes > 20 * 390_000_000)

        #expect(try EchelonCommand.run("inspect", path, "--verify").succeeded().text.contains("width 5280"))
        #expect(try EchelonCommand.run("inspect", path, "--function", "step.r4").succeeded().text.contains("tape: "))
        let stage = try EchelonCommand.run("inspect", path, "--stage", "source", "--function", "decode").succeeded()
            .text
        #expect(stage.contains("repeat recurrences"))

        let output = folder.file("logits.safetensors")
        for arguments in [
            ["generate", path, "--tokens", "1,2"], ["generate", path, "hello"], ["bench", path, "--quick"],
            ["logits", path, "--tokens", "1", "--recurrence", "1", "-o", output],
        ] {
            try EchelonCommand.run(arguments).expectRefusal("no weights", "--no-weights")
        }
        #expect(try folder.contents == ["huginn.plan"])
    }

    @Test func `a checkpoint's plan without weights is its plan but for them`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("odd.plan")
        let report = try compile("--no-weights", to: path)
        #expect(!report.hasWeights && report.bytes < 1_000_000)
        for arguments in [["--function", "step"], ["--stage", "fuse-gate"]] {
            #expect(
                try EchelonCommand.run(["inspect", path] + arguments).succeeded().text
                    == EchelonCommand.run(["inspect", TestModels.oddPlan] + arguments).succeeded().text)
        }
    }

    @Test func `a model is given in one way, and a configuration has no weights to write`() throws {
        let folder = try TemporaryFolder()
        let output = ["-o", folder.file("x")]
        try EchelonCommand.run(["compile", "--config", Self.huginn] + output).expectUsageError("--no-weights")
        try EchelonCommand.run(["compile", TestModels.odd, "--config", Self.huginn, "--no-weights"] + output)
            .expectUsageError("one of the two")
        try EchelonCommand.run(["compile", "--no-weights"] + output).expectUsageError("checkpoint folder")
        let missing = folder.file("missing.json")
        try EchelonCommand.run(["compile", "--config", missing, "--no-weights"] + output).expectRefusal(missing)
        try Data("{}".utf8).write(to: URL(filePath: folder.file("empty.json")))
        try EchelonCommand.run(["compile", "--config", folder.file("empty.json"), "--no-weights"] + output)
            .expectRefusal("empty.json")
        #expect(try folder.contents == ["empty.json"])
    }
}
