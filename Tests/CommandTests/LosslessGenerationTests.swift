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

    @Test(arguments: [
        ["--correction", "as-needed"], ["--correction", "every-read-out"], ["--read-every", "3"],
        ["--correction", "at-full-depth"], ["--correction", "two-proposals"],
        ["--correction", "two-proposals", "--second-proposal", "3"],
    ])
    func `the tokens are the same whenever drafts are corrected`(_ schedule: [String]) throws {
        let options = try [
            TestModels.oddPlan, "--tokens", list(GoldenRuns(of: "odd").prompts[0]), "--recurrence", "12",
            "--max-new-tokens", "24", "--temperature", "1.2", "--seed", "3", "--ignore-eos",
        ]
        let plain = try Self.tokens(["--sampler", "autoregressive", "--kv-budget", "12"], options)
        let found = try Self.tokens(["--sampler", "lossless", "--inner-recurrence", "2"] + schedule, options)
        #expect(found.tokens == plain.tokens)
        // All settings are reported, with the step halfway to r as the default second proposal.
        let settings = found.settings.lossless
        let values = [
            settings?.correction.rawValue, settings.map { "\($0.readEvery)" },
            settings?.secondProposal.map { "\($0)" },
        ]
        #expect(values.contains(schedule.last))
        #expect(settings?.correction != .twoProposals || settings?.secondProposal == 3)
        // A number of steps between read-outs chooses the schedule that it belongs to.
        #expect(settings?.readEvery == 1 || settings?.correction == .everyReadOut)
    }

    @Test func `reports count drafts and restarts`() throws {
        let options = try [
            TestModels.oddPlan, "--tokens", list(GoldenRuns(of: "odd").prompts[0]), "--recurrence", "12",
            "--max-new-tokens", "24", "--temperature", "1.2", "--seed", "3", "--ignore-eos",
        ]
        let (report, trace) = try traced(options + ["--sampler", "lossless", "--inner-recurrence", "1"])
        let changes = trace.steps.compactMap(\.change)
        #expect(!changes.isEmpty && report.restarts == changes.count)
        #expect(report.drafts ?? 0 >= 22)
        // Steps in which the wave runs out start no position, and need no prelude.
        #expect(report.passes.prefill.recurrences == 12 && report.passes.decoding.recurrences == report.steps)
        #expect(report.passes.decoding.preludes < report.steps)
        // A step without a read-out needs no coda.
        #expect(report.passes.decoding.codas < report.steps)
        let eager = try generate(
            options + ["--sampler", "lossless", "--inner-recurrence", "1", "--correction", "every-read-out"])
        #expect(eager.passes.decoding.codas == eager.steps && eager.tokens == report.tokens)
        for step in trace.steps {
            guard let change = step.change else { continue }
            // The draft ends with the new token.
            #expect(step.tokens.indices.last == change.position && step.tokens.last == change.new)
            #expect(change.old != change.new)
        }
        let plain = try generate(options + ["--sampler", "autoregressive"])
        #expect(plain.drafts == nil && plain.restarts == nil)
    }

    @Test func `a trace shows drafts and depths that never rise along the sequence`() throws {
        let question = "Sam has 7 pens. Sam buys 5 pens. How many pens does Sam have?"
        let (report, trace) = try traced([
            question, "--sampler", "lossless", "--recurrence", "16", "--inner-recurrence", "4",
        ])
        #expect(report.text.hasSuffix("#### 12"))
        for step in trace.steps {
            let active = step.recurrences[step.start...]
            #expect(active.count <= 4 && zip(active, active.dropFirst()).allSatisfy { $0 >= $1 })
        }
    }

    @Test func `settings that it cannot have are usage errors`() throws {
        let question = ["generate", "How many?", "--sampler", "lossless"]
        try EchelonCommand.run(question + ["--kv-budget", "2"]).expectUsageError("leave out --kv-budget")
        try EchelonCommand.run(question + ["--warm-start"]).expectUsageError("--warm-start needs another sampler")
        try EchelonCommand.run(question + ["--second-proposal", "2"]).expectUsageError("--correction two-proposals")
        try EchelonCommand.run(question + ["--read-every", "2", "--correction", "at-full-depth"])
            .expectUsageError("--correction every-read-out")
    }

    @Test(arguments: [
        (["--read-every", "0"], "between read-outs is 0"),
        (["--correction", "two-proposals", "--second-proposal", "1"], "second proposal is 1"),
        (["--recurrence", "0"], "recurrence is 0"),
    ])
    func `a setting out of its range is refused before anything is measured`(
        _ options: [String], _ message: String
    ) throws {
        try EchelonCommand.run(
            ["generate", try TestModels.oddPlan, "--tokens", "1,2", "--sampler", "lossless"] + options
        ).expectRefusal(message, status: 64)
    }
}
