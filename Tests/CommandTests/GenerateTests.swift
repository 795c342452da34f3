import Foundation
import GoldenRuns
import Reports
import Samplers
import Testing

private let question = "Sam has 7 pens. Sam buys 5 pens. How many pens does Sam have?"

@Suite struct GenerateTests {
    // MARK: The embedded model

    @Test(arguments: ["diffusion", "autoregressive", "lossless"])
    func `a prompt alone is answered by the embedded model`(_ sampler: String) throws {
        let run = try EchelonCommand.run("generate", question, "--sampler", sampler, "--threads", "1").succeeded()
        #expect(run.text == "7 + 5 = 12\n#### 12\n")
        #expect(run.errors.contains(sampler) && run.errors.contains("tokens/s"), "the summary is missing")
    }

    @Test func `a copy of the command works from any folder, without its build beside it`() throws {
        let folder = try TemporaryFolder()
        let copy = URL(filePath: folder.file("somewhere-else"))
        try FileManager.default.copyItem(at: EchelonCommand.executable(), to: copy)
        let run = try EchelonCommand.run(["generate", question, "--threads", "1"], in: "/", executable: copy)
        #expect(try run.succeeded().text == "7 + 5 = 12\n#### 12\n")
    }

    @Test func `the default number of threads gives what one thread gives`() throws {
        let run = try EchelonCommand.run("generate", question, "--json").json(GenerationReport.self)
        #expect(try run.tokens == generate([question]).tokens)
    }

    // MARK: Output

    @Test(arguments: ["diffusion", "autoregressive", "lossless"])
    func `json is one object with the documented keys`(_ sampler: String) throws {
        let run = try EchelonCommand.run("generate", question, "--sampler", sampler, "--json").succeeded()
        let object = try #require(JSONSerialization.jsonObject(with: run.output) as? [String: Any])
        let common = [
            "passes", "prompt_tokens", "recurrences", "seconds", "settings", "steps", "stop_reason", "text", "tokens",
            "tokens_per_second",
        ]
        #expect(Set(object.keys) == Set(common + (sampler == "lossless" ? ["drafts", "restarts"] : [])))
        let settings = try #require(object["settings"] as? [String: Any])
        #expect(settings["sampler"] as? String == sampler)
        #expect(settings[sampler] is [String: Any], "the settings of the sampler itself are missing")

        let report = try run.json(GenerationReport.self)
        #expect(report.text == "7 + 5 = 12\n#### 12", "the stop token has no text")
        #expect(report.tokens.last == 634, "the stop token is among the tokens")
        #expect(report.stopReason == .stop)
        #expect(report.steps > 0 && report.recurrences > report.steps)
        #expect(abs(report.tokensPerSecond * report.seconds - Double(report.tokens.count)) < 1e-6)
    }

    @Test func `as many tokens as asked for end with the reason length`() throws {
        let report = try generate([question, "--sampler", "autoregressive", "--max-new-tokens", "3"])
        #expect(report.tokens.count == 3)
        #expect(report.stopReason == .length)
    }

    @Test func `--ignore-eos goes on after the stop token`() throws {
        let options = [question, "--sampler", "autoregressive", "--max-new-tokens", "20"]
        let stopped = try generate(options)
        let report = try generate(options + ["--ignore-eos"])
        #expect(report.tokens.count == 20 && stopped.tokens.count < 20)
        #expect(report.tokens.starts(with: stopped.tokens))
    }

    @Test(arguments: ["diffusion", "autoregressive", "lossless"])
    func `--stream prints exactly the text`(_ sampler: String) throws {
        let options = [try TestModels.wordmathBF16Plan, try TestModels.testQuestions(3)[2], "--sampler", sampler]
        let run = try EchelonCommand.run(["generate", "--stream", "--threads", "1"] + options)
        #expect(try run.succeeded().text == generate(options).text + "\n")
    }

    @Test(arguments: ["diffusion", "autoregressive", "lossless"])
    func `the trace has every step, and its end is the result`(_ sampler: String) throws {
        let (report, trace) = try traced([question, "--sampler", sampler])
        #expect(trace.sampler.rawValue == sampler)
        #expect(trace.promptTokens == report.promptTokens)
        #expect(trace.steps.map(\.step) == Array(0..<report.steps))
        for step in trace.steps {
            #expect((1...step.tokens.count).contains(step.frozen))
            #expect(step.start < step.tokens.count)
            #expect(step.recurrences.count <= step.tokens.count)
            if sampler == "diffusion" {
                #expect(step.differences.count == step.recurrences.count - step.start, "a δ for each active position")
            }
        }
        let last = try #require(trace.steps.last)
        let frozen = last.tokens.prefix(last.frozen)
        #expect(frozen.starts(with: report.promptTokens + report.tokens))
    }

    @Test func `tokens are printed as numbers where the model has no tokenizer`() throws {
        let run = try EchelonCommand.run("generate", TestModels.oddPlan, "--tokens", "1,2,3", "--max-new-tokens", "4")
        let report = try generate([TestModels.oddPlan, "--tokens", "1,2,3", "--max-new-tokens", "4"])
        #expect(try run.succeeded().text == report.tokens.map(String.init).joined(separator: " ") + "\n")
        #expect(report.text == "")
    }

    // MARK: Wavefronts

    @Test func `the wavefront is as wide as the plan's calls, unless another width is asked for`() throws {
        let folder = try TemporaryFolder()
        let narrow = folder.file("narrow.plan")
        _ = try EchelonCommand.run("compile", TestModels.odd, "-o", narrow, "--max-rows", "4").succeeded()
        // The first freeze comes after enough steps for the wavefront to grow to nine positions, if it may.
        let options = [
            "--tokens", "1,2", "--freeze", "fixed", "--recurrence", "32", "--max-new-tokens", "6", "--ignore-eos",
        ]
        let (capped, trace) = try traced([narrow] + options)
        #expect(trace.steps.map { $0.recurrences.count - $0.start }.max() == 4)
        #expect(try capped.tokens == generate([TestModels.oddPlan, "--max-wavefront", "4"] + options).tokens)

        let (_, free) = try traced([TestModels.oddPlan] + options)
        #expect(free.steps.map { $0.recurrences.count - $0.start }.max() ?? 0 > 4)
        try EchelonCommand.run(["generate", narrow, "--max-wavefront", "9"] + options)
            .expectRefusal("--max-rows", "--max-wavefront")
    }

    // MARK: Prompts

    @Test func `a prompt of - is read from standard input`() throws {
        let run = try EchelonCommand.run(
            ["generate", "-", "--json", "--threads", "1"], input: Data(question.utf8))
        #expect(try run.json(GenerationReport.self).promptTokens == generate([question]).promptTokens)
    }

    @Test func `--raw leaves the chat template out`() throws {
        let raw = try generate([question, "--raw", "--max-new-tokens", "2"])
        let tokens = try EchelonCommand.run("tokenize", TestModels.wordmath, question, "--json").json([Int32].self)
        #expect(raw.promptTokens == tokens)
        #expect(try generate([question, "--max-new-tokens", "2"]).promptTokens != tokens)
    }

    @Test func `--system stands before the prompt`() throws {
        let report = try generate([question, "--system", "Count the red ones.", "--max-new-tokens", "2"])
        let text = try EchelonCommand.run(
            "tokenize", TestModels.wordmath, "--decode", list(report.promptTokens)
        ).succeeded().text
        let system = try #require(text.range(of: "Count the red ones."))
        let user = try #require(text.range(of: question))
        #expect(system.upperBound <= user.lowerBound)
    }

    @Test func `--tokens continues the very tokens`() throws {
        let asked = try generate([question])
        let given = try generate(["--tokens", list(asked.promptTokens)])
        #expect(given.promptTokens == asked.promptTokens)
        #expect(given.tokens == asked.tokens)
        #expect(given.text == asked.text)
    }

    // MARK: The same output

    @Test(arguments: ["f32", "bf16"], ["diffusion", "autoregressive"])
    func `a plan, its checkpoint and the embedded model give the same with one thread and two`(
        _ weights: String, _ sampler: String
    ) throws {
        let prompt = try TestModels.testQuestions(2)[1]
        let plan = try weights == "f32" ? TestModels.wordmathPlan : TestModels.wordmathBF16Plan
        let options = ["--sampler", sampler, "--max-new-tokens", "12"]
        let expected = try generate([plan, prompt] + options)
        #expect(expected.tokens.count > 8, "too little to compare")
        #expect(try generate([plan, prompt] + options, threads: 2).tokens == expected.tokens)
        for model in [[TestModels.wordmath], []] {
            let report = try generate(model + [prompt, "--weights", weights] + options)
            #expect(report.tokens == expected.tokens)
            #expect(report.promptTokens == expected.promptTokens)
        }
    }

    @Test(arguments: ["diffusion", "autoregressive", "lossless"])
    func `a seed repeats what it sampled, and others sample something else`(_ sampler: String) throws {
        // At a temperature, drafts keep changing and states settle late. The fixed rule does not wait for them.
        let prompt = [
            try TestModels.wordmathBF16Plan, "Compute", "--sampler", sampler, "--temperature", "1", "--freeze", "fixed",
            "--max-new-tokens", "12",
        ]
        let samples = try (1...4).map { try generate(prompt + ["--seed", "\($0)"]).tokens }
        #expect(Set(samples).count > 1)
        #expect(try generate(prompt + ["--seed", "2"]).tokens == samples[1])
    }

    @Test func `only the likeliest token is sampled with --top-k 1, at any temperature`() throws {
        let greedy = try generate([question, "--sampler", "autoregressive"])
        let options = ["--sampler", "autoregressive", "--temperature", "5", "--top-k", "1"]
        #expect(try generate([question] + options).tokens == greedy.tokens)
    }

    // MARK: Any depth

    /// A model of odd sizes, compiled for 3 recurrences of a token and 2 of a step.
    @Test(arguments: [(1, 1), (3, 2), (5, 4), (6, 3)])
    func `a plan runs at depths that it was not compiled for as one that was`(_ recurrence: Int, _ inner: Int) throws {
        let folder = try TemporaryFolder()
        let prompt = try list(GoldenRuns(of: "odd").prompts[0])
        for (name, compiled) in [("other", (3, 2)), ("same", (recurrence, inner))] {
            _ = try EchelonCommand.run(
                "compile", TestModels.odd, "-o", folder.file(name), "--recurrence", "\(compiled.0)",
                "--inner-recurrence", "\(compiled.1)"
            ).succeeded()
        }
        for sampler in ["diffusion", "autoregressive", "lossless"] {
            let options = [
                "--tokens", prompt, "--sampler", sampler, "--recurrence", "\(recurrence)", "--inner-recurrence",
                "\(inner)",
                "--max-new-tokens", "20",
            ]
            let (other, otherTrace) = try traced([folder.file("other")] + options)
            let (same, sameTrace) = try traced([folder.file("same")] + options)
            #expect(other.tokens == same.tokens, "\(sampler)")
            #expect(otherTrace.steps.map(\.recurrences) == sameTrace.steps.map(\.recurrences), "\(sampler)")
            #expect(otherTrace == sameTrace, "\(sampler)")
        }
    }
}
