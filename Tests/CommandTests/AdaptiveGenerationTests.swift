import GoldenRuns
import Reports
import Testing

/// `--sampler adaptive` and `--sampler speculative` from outside: the recorded runs, and what they refuse.
@Suite struct AdaptiveGenerationTests {
    private static func golden(_ prompt: [Int32]) throws -> [String] {
        [try TestModels.microPlan, "--tokens", list(prompt), "--init-scale", "0", "--ignore-eos"]
    }

    @Test(arguments: 0..<7)
    func `adaptive runs are the golden ones`(_ number: Int) throws {
        let runs = try GoldenRuns(of: "micro")
        let run = try #require(runs.adaptive?[number])
        let prompt = runs.prompts[run.prompt]
        let (report, trace) = try traced(Self.golden(prompt) + run.options)
        #expect(prompt + report.tokens == run.sequence)
        let depths = [Int](repeating: run.steps[0], count: prompt.count) + run.steps.dropFirst()
        #expect(trace.steps.last?.recurrences == depths)
        // The criterion has a value after each recurrence of the step's position.
        #expect(trace.steps.map(\.differences.count) == Array(run.steps.dropFirst()))
        #expect(report.recurrences == run.steps.reduce(0, +))
        #expect(report.steps == run.steps.count - 1)
    }

    @Test(arguments: 0..<3)
    func `speculative runs are the golden ones`(_ number: Int) throws {
        let runs = try GoldenRuns(of: "micro")
        let run = try #require(runs.speculative?[number])
        let prompt = runs.prompts[run.prompt]
        let report = try generate(Self.golden(prompt) + run.options(promptCount: prompt.count))
        #expect(prompt + report.tokens == run.sequence)
    }

    @Test(arguments: ["0", "1.2"])
    func `speculative tokens are those of autoregressive decoding, in fewer steps`(_ temperature: String) throws {
        let question = ["Sam has 7 pens. Sam buys 5 pens. How many pens does Sam have?"]
        let options = question + ["--recurrence", "16", "--temperature", temperature, "--seed", "3"]
        let plain = try generate(options + ["--sampler", "autoregressive", "--kv-budget", "16"])
        let found = try generate(options + ["--sampler", "speculative", "--draft-recurrence", "2"])
        #expect(found.tokens == plain.tokens)
        #expect(found.stopReason == plain.stopReason)
        #expect(found.steps < plain.steps)
        #expect(found.settings.speculative?.draftRecurrence == 2 && found.settings.kvBudget == 16)
    }

    @Test func `each criterion has its own threshold unless one is given`() throws {
        let options = [try TestModels.oddPlan, "--tokens", "1,2", "--max-new-tokens", "2", "--sampler", "adaptive"]
        #expect(try generate(options).settings.adaptive?.exitThreshold == 0.03)
        let kl = try generate(options + ["--criterion", "kl", "--min-recurrence", "3", "--check-every", "2"])
        #expect(kl.settings.adaptive?.exitThreshold == 1e-3)
        #expect(kl.settings.adaptive?.minRecurrence == 3 && kl.settings.adaptive?.checkEvery == 2)
        let given = try generate(options + ["--criterion", "kl", "--exit-threshold", "0.5"])
        #expect(given.settings.adaptive?.exitThreshold == 0.5)
    }

    @Test func `settings that they cannot have are usage errors`() throws {
        func refused(_ options: String..., expecting fragment: String) throws {
            try EchelonCommand.run(["generate", "How many?", "--sampler"] + options).expectUsageError(fragment)
        }
        try refused("adaptive", "--kv-budget", "2", expecting: "leave out --kv-budget")
        try refused("speculative", "--kv-budget", "2", expecting: "leave out --kv-budget")
        try refused("speculative", "--warm-start", expecting: "--warm-start needs another sampler")
        try refused("adaptive", "--prefill-threshold", "0.1", expecting: "--prefill-threshold needs another sampler")
        try refused("diffusion", "--prefill-threshold", "0.1", "--no-prefill", expecting: "cannot be combined")
        try refused("adaptive", "--criterion", "mood", expecting: "latent-diff")
    }

    /// Options, and the expected part of the message.
    @Test(arguments: [
        (["adaptive", "--recurrence", "0"], "recurrence is 0"),
        (["adaptive", "--exit-threshold", "nan"], "exit threshold is nan"),
        (["adaptive", "--min-recurrence", "0"], "minimum recurrence is 0"),
        (["adaptive", "--recurrence", "4", "--min-recurrence", "5"], "more than the recurrence of 4"),
        (["adaptive", "--check-every", "0"], "check to check is 0"),
        (["speculative", "--draft-recurrence", "0"], "draft recurrence is 0"),
        (["speculative", "--recurrence", "4", "--draft-recurrence", "5"], "recurrence of 4"),
        (["speculative", "--lookahead", "0"], "lookahead is 0"),
        (["speculative", "--accept-threshold", "1.5"], "accept threshold is 1.5"),
        (["autoregressive", "--prefill-threshold", "-1"], "prefill threshold is -1"),
        (["diffusion", "--prefill-threshold", "nan"], "prefill threshold is nan"),
    ])
    func `settings out of range are refused`(_ options: [String], _ message: String) throws {
        try EchelonCommand.run(["generate", TestModels.oddPlan, "--tokens", "1,2", "--sampler"] + options)
            .expectRefusal(message, status: 64)
    }
}
