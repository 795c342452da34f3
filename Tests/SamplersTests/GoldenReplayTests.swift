import GoldenRuns
import Runtime
import Samplers
import Testing

/// A replay of the decisions of the golden diffusion runs. A model answers each step with the run's own draft and lets
/// the run's own position settle. It must lead to the run's tokens, counts and standing waves, step by step. For the
/// rules that do not use states (`token-stability`, `fixed`), the run's freezes have to follow without that.
@Suite struct GoldenReplayTests {
    @Test func `given a golden run's drafts, the sampler takes its decisions`() throws {
        let golden = try GoldenRuns(of: "micro")
        let runs = try #require(golden.diffusion)
        #expect(runs.count == 26)
        for (number, run) in runs.enumerated() {
            try replay(run, prompt: golden.prompts[run.prompt], name: "run \(number)")
        }
    }

    private func replay(_ run: GoldenRuns.Diffusion, prompt: [Int32], name: String) throws {
        var generation = GenerationSettings()
        generation.maxNewTokens = run.settings.new_tokens
        generation.initScale = 0

        // A token that the recording left out is 0, which it trims, or was cut at the wavefront limit.
        func recorded(_ tokens: [Int32], at position: Int) -> Int32 {
            position < tokens.count ? tokens[position] : 0
        }
        var step = 0
        let model = ScriptedModel(vocabulary: 512, context: 256) { call in
            guard call.function == .step else {
                return ScriptedModel.result(call, token: { recorded(run.steps[0].current, at: $0 + 1) })
            }
            let settled: Int?
            if step + 1 < run.steps.count {
                let next = run.start(ofStep: step + 1, promptCount: prompt.count)
                settled = next == run.start(ofStep: step, promptCount: prompt.count) ? nil : next
            } else {
                settled = run.steps[step].frozen.count - 1
            }
            // Other positions before the last settled one may or may not have settled.
            return ScriptedModel.result(
                call, token: { recorded(run.steps[step].current, at: $0 + 1) },
                difference: { position in
                    guard let settled, position <= settled else { return 1 }
                    return (settled - position).isMultiple(of: 2) ? 0 : 1
                })
        }

        var sampler = try DiffusionForcing(
            prompt: prompt, settings: run.settings.diffusion, generation: generation, shape: model.shape)
        while step < run.steps.count, let call = sampler.nextCall() {
            let result = try model.answer(call)
            guard let record = try sampler.receive(result, of: call).record else { continue }
            try #require(GoldenRuns.Step(record) == run.steps[step], "\(name), step \(step)")
            step += 1
        }
        #expect(step == run.steps.count)
        if run.steps.last?.frozen.count == run.sequence.count {
            #expect(sampler.tokens == run.sequence, "\(name)")
            #expect(sampler.finishReason == .length, "\(name)")
        } else {
            // The recording ends before the run does.
            #expect(sampler.finishReason == nil, "\(name)")
        }
    }
}

extension GoldenRuns.Diffusion {
    /// The first active position of a step, which is the first with more recurrences than in the step before.
    fileprivate func start(ofStep step: Int, promptCount: Int) -> Int {
        guard step > 0 else { return settings.diffusion.prefill ? promptCount : 0 }
        let before = steps[step - 1].counter
        let after = steps[step].counter
        return after.indices.first { $0 >= before.count || after[$0] != before[$0] } ?? after.count
    }
}
