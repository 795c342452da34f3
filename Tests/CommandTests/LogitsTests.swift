import Foundation
import GoldenRuns
import Reports
import Safetensors
import Testing

@Suite struct LogitsTests {
    @Test(arguments: ["odd", "micro"])
    func `f32 logits and latents are the golden ones to 1e-4`(_ name: String) throws {
        let runs = try GoldenRuns(of: name)
        let expected = try SafetensorsFile(path: TestModels.golden.appending(path: "\(name)/forward.safetensors").path)
        let plan = try name == "odd" ? TestModels.oddPlan : TestModels.microPlan
        for (number, prompt) in runs.prompts.enumerated() {
            for recurrence in runs.forward.recurrences {
                let output = try logits(plan, prompt, recurrence: recurrence, "--init-scale", "0")
                for tensor in ["logits", "latents"] {
                    let golden = try expected.floats("prompt\(number).\(tensor)_r\(recurrence)")
                    let found = try output.file.floats(tensor)
                    try #require(found.count == golden.count)
                    let scale = golden.map(abs).max() ?? 0
                    let error = zip(found, golden).map { abs($0 - $1) }.max() ?? .infinity
                    #expect(error < 1e-4 * scale, "\(tensor) of prompt \(number), \(recurrence) recurrences")
                }
            }
        }
    }

    @Test func `the output has a row for each position`() throws {
        let output = try logits(TestModels.oddPlan, [5, 6, 7, 8], recurrence: 2).file
        #expect(output["logits"]?.shape == [4, 517])
        #expect(output["latents"]?.shape == [4, 160])
    }

    @Test func `a checkpoint gives to the bit what its plan gives, bf16 with any number of threads`() throws {
        let prompt = try GoldenWordProblems().rows[1].prompt_tokens
        let f32 = try logits(TestModels.wordmathPlan, prompt, recurrence: 4, "--seed", "3", "--threads", "1").bytes
        #expect(try logits(TestModels.wordmath, prompt, recurrence: 4, "--seed", "3", "--threads", "1").bytes == f32)

        let plan = try TestModels.wordmathBF16Plan
        let bf16 = try logits(plan, prompt, recurrence: 4, "--threads", "1").bytes
        #expect(try logits(plan, prompt, recurrence: 4, "--threads", "2").bytes == bf16)
        let compiled = try logits(TestModels.wordmath, prompt, recurrence: 4, "--weights", "bf16", "--threads", "2")
        #expect(compiled.bytes == bf16)
    }

    @Test func `the seed decides the initial states`() throws {
        let plan = try TestModels.oddPlan
        let first = try logits(plan, [1, 2, 3], recurrence: 1, "--seed", "1").bytes
        #expect(try logits(plan, [1, 2, 3], recurrence: 1, "--seed", "1").bytes == first)
        #expect(try logits(plan, [1, 2, 3], recurrence: 1, "--seed", "2").bytes != first)
    }

    @Test func `bf16 logits are within 2% of f32's in relative norm`() throws {
        for row in try GoldenWordProblems().rows.prefix(3) {
            for recurrence in [1, 16] {
                let options = ["--init-scale", "0", "--threads", "1"]
                let exact = try logits(
                    TestModels.wordmathPlan, row.prompt_tokens, recurrence: recurrence, options
                ).file.floats("logits")
                let rounded = try logits(
                    TestModels.wordmathBF16Plan, row.prompt_tokens, recurrence: recurrence,
                    options + ["--cache-format", "f32"]
                ).file.floats("logits")
                try #require(exact.count == rounded.count)
                let error = zip(exact, rounded).map { Double($0 - $1) * Double($0 - $1) }.reduce(0, +)
                let norm = exact.map { Double($0) * Double($0) }.reduce(0, +)
                #expect(norm > 0)
                #expect((error / norm).squareRoot() < 0.02, "\(recurrence) recurrences")
            }
        }
    }

    @Test func `logits with bf16 caches are others, and within 2% of those with f32 ones in relative norm`() throws {
        for row in try GoldenWordProblems().rows.prefix(3) {
            let options = ["--init-scale", "0", "--threads", "1"]
            func found(_ format: String) throws -> [Float] {
                try logits(
                    TestModels.wordmathPlan, row.prompt_tokens, recurrence: 16, options + ["--cache-format", format]
                ).file.floats("logits")
            }
            let (exact, rounded) = (try found("f32"), try found("bf16"))
            try #require(exact.count == rounded.count)
            #expect(exact != rounded)
            let error = zip(exact, rounded).map { Double($0 - $1) * Double($0 - $1) }.reduce(0, +)
            let norm = exact.map { Double($0) * Double($0) }.reduce(0, +)
            #expect((error / norm).squareRoot() < 0.02)
        }
    }

    @Test func `--json says what was written`() throws {
        let folder = try TemporaryFolder()
        let output = folder.file("logits.safetensors")
        let report = try EchelonCommand.run(
            "logits", TestModels.oddPlan, "--tokens", "1,2", "--recurrence", "3", "--output", output, "--json"
        ).json(LogitsReport.self)
        #expect(
            report
                == LogitsReport(
                    output: output, positions: 2, vocabulary: 517, width: 160, recurrence: 3, seconds: report.seconds))
    }

    private struct Output {
        var file: SafetensorsFile
        var bytes: Data
    }

    private func logits(_ model: String, _ tokens: [Int32], recurrence: Int, _ options: String...) throws -> Output {
        try logits(model, tokens, recurrence: recurrence, options)
    }

    private func logits(_ model: String, _ tokens: [Int32], recurrence: Int, _ options: [String]) throws -> Output {
        let folder = try TemporaryFolder()
        let path = folder.file("logits.safetensors")
        let arguments = ["--tokens", list(tokens), "--recurrence", "\(recurrence)", "--output", path]
        let run = try EchelonCommand.run(["logits", model] + arguments + options).succeeded()
        #expect(run.output.isEmpty)
        return Output(file: try SafetensorsFile(path: path), bytes: try Data(contentsOf: URL(filePath: path)))
    }
}
