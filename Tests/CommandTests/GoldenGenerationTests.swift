import GoldenRuns
import Testing

/// The recorded runs of an independent implementation, repeated on the command line.
@Suite struct GoldenGenerationTests {
    @Test func `autoregressive runs are the golden ones with both cache budgets`() throws {
        for (name, plan) in [("micro", try TestModels.microPlan), ("odd", try TestModels.oddPlan)] {
            let runs = try GoldenRuns(of: name)
            for run in runs.autoregressive {
                let prompt = runs.prompts[run.prompt]
                let report = try generate(
                    [plan, "--tokens", list(prompt), "--init-scale", "0", "--ignore-eos"] + run.options)
                #expect(
                    prompt + report.tokens == run.sequence, "\(name), budget \(run.cacheBudget), prompt \(run.prompt)")
            }
        }
    }

    /// The runs that together use every option. RuntimeTests repeats all runs.
    @Test(arguments: [0, 2, 3, 5, 6, 7, 9, 11, 17, 23, 25])
    func `diffusion runs are the golden ones, step by step`(_ number: Int) throws {
        let runs = try GoldenRuns(of: "micro")
        let run = try #require(runs.diffusion?[number])
        let prompt = runs.prompts[run.prompt]
        let (report, trace) = try traced(
            [TestModels.microPlan, "--tokens", list(prompt), "--init-scale", "0", "--ignore-eos"] + run.settings.options
        )
        // Without prefill, the sampler may overwrite a part of the prompt, which the trace shows and the report does
        // not.
        #expect(report.tokens == Array(run.sequence.dropFirst(prompt.count)))
        let steps = trace.steps.map(\.golden)
        #expect(steps.count >= run.steps.count, "the record has up to the first 82 steps")
        let differing = zip(steps, run.steps).enumerated().first { $0.element.0 != $0.element.1 }
        #expect(differing == nil, "differs at step \(differing?.offset ?? -1)")
    }

    @Test(arguments: 0..<10)
    func `a word problem is answered as recorded, from its text on`(_ number: Int) throws {
        let problems = try GoldenWordProblems()
        let row = problems.rows[number]
        let depth = ["--sampler", "autoregressive", "--recurrence", "\(problems.recurrence)"]
        let runs = [
            (depth + ["--kv-budget", "1"], row.autoregressive_shared),
            (depth + ["--kv-budget", "\(problems.recurrence)"], row.autoregressive_per_recurrence),
            (["--sampler", "diffusion", "--recurrence", "32"], row.diffusion),
        ]
        for (options, expected) in runs {
            let report = try generate([row.question, "--init-scale", "0"] + options)
            #expect(report.promptTokens == row.prompt_tokens)
            #expect(report.tokens == expected, "\(options)")
            #expect(report.text == row.text, "\(options)")
        }
    }
}
