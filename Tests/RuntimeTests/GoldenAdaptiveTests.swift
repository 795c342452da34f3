import GoldenRuns
import Plans
import Runtime
import Samplers
import Testing

/// The recorded runs with adaptive depth and with self-speculation, repeated by compiled plans.
@Suite struct GoldenAdaptiveTests {
    private static let micro = Result { try GoldenFiles.plan("micro") }

    @Test(arguments: 0..<7)
    func `adaptive runs are the golden ones: tokens, recurrences and the criterion's values`(_ number: Int) throws {
        let runs = try GoldenRuns(of: "micro")
        let adaptive = try #require(runs.adaptive)
        #expect(adaptive.count == 7)
        let run = adaptive[number]
        let model = try PlanModel(Self.micro.get(), cacheBudget: run.settings.recurrence)
        let prompt = runs.prompts[run.prompt]

        func generate(_ count: Int) throws -> (sampler: Adaptive, records: [StepRecord]) {
            model.reset(slot: 0)
            var records: [StepRecord] = []
            let sampler = try Adaptive(
                prompt: prompt, settings: run.settings, generation: GoldenFiles.settings(newTokens: count),
                shape: model.shape)
            let ended = try Generation.run([sampler], on: model) { event in
                if let record = event.record { records.append(record) }
                return true
            }
            return (try #require(ended[0] as? Adaptive), records)
        }
        let (sampler, records) = try generate(run.new_tokens)
        #expect(sampler.tokens == run.sequence)
        #expect(sampler.depths == [Int](repeating: run.steps[0], count: prompt.count) + run.steps.dropFirst())
        // The prompt is no step, so its values come from a run that ends after it.
        let values = [try generate(1).sampler.checkedValues] + records.map(\.differences)
        #expect(values.map(\.count) == run.steps)
        for (found, expected) in zip(values.joined(), run.values.joined()) {
            guard let expected else {
                #expect(found.isNaN)
                continue
            }
            // Entropies and cross entropies of 512 tokens are near log 512 = 6.2, where a step of the reference's f32 is
            // 4.8e-7. Their differences may be off by a few steps; states agree to 1e-5.
            #expect(abs(found - expected) < 3e-6 + 1e-5 * expected)
        }
    }

    @Test(arguments: 0..<3)
    func `speculative runs are the golden ones`(_ number: Int) throws {
        let runs = try GoldenRuns(of: "micro")
        let speculative = try #require(runs.speculative)
        #expect(speculative.count == 3)
        let run = speculative[number]
        let prompt = runs.prompts[run.prompt]
        let model = try PlanModel(Self.micro.get(), cacheBudget: run.settings.recurrence)
        let sampler = try Speculative(
            prompt: prompt, settings: run.settings,
            generation: GoldenFiles.settings(newTokens: run.sequence.count - prompt.count), shape: model.shape)
        #expect(try Generation.run([sampler], on: model)[0].tokens == run.sequence)
    }
}
