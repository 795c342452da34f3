import GoldenRuns
import Reports
import Samplers
import Testing

/// `--sampler lossless` from outside, against autoregressive decoding with a cache entry per recurrence.
@Suite struct LosslessGenerationTests {
    private static func tokens(_ sampler: [String], _ options: [String]) throws -> GenerationReport {
        try EchelonCommand.run(["generate", "--json", "--threads", "1"] + options + sampler)
            .json(GenerationReport.self)
    }

    @Test(arguments: [1, 4, 5], ["0", "1.2"])
    func `the tokens are those of autoregressive decoding`(_ inner: Int, _ temperature: String) throws {
        let prompt = try list(GoldenRuns(of: "odd").prompts[0])
        let options = try [
            TestModels.oddPlan, "--tokens", prompt, "--recurrence", "12", "--max-new-tokens", "24", "--temperature",
            temperature, "--seed", "3", "--ignore-eos",
        ]
        let plain = try Self.tokens(["--sampler", "autoregressive", "--kv-budget", "12"], options)
        let wave = try Self.tokens(["--sampler", "lossless", "--inner-recurrence", "\(inner)"], options)
        #expect(wave.tokens == plain.tokens)
        #expect(wave.stopReason == plain.stopReason)
        #expect(wave.settings.lossless?.innerRecurrence == inner && wave.settings.kvBudget == 12)
        #expect(wave.recurrences <= plain.recurrences)
    }

    @Test func `a trace shows drafts and depths that fall along the sequence`() throws {
        let question = "Sam has 7 pens. Sam buys 5 pens. How many pens does Sam have?"
        let (report, trace) = try traced([question, "--sampler", "lossless", "--recurrence", "16"])
        #expect(report.text.hasSuffix("#### 12"))
        for step in trace.steps {
            let active = step.recurrences[step.start...]
            #expect(active.count <= 4 && zip(active, active.dropFirst()).allSatisfy { $0 > $1 })
        }
    }

    @Test func `settings that it cannot have are usage errors`() throws {
        let question = ["generate", "How many?", "--sampler", "lossless"]
        try EchelonCommand.run(question + ["--kv-budget", "2"]).expectUsageError("leave out --kv-budget")
        try EchelonCommand.run(question + ["--warm-start"]).expectUsageError("--warm-start needs another sampler")
    }
}
