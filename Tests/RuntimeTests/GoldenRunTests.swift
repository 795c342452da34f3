import Foundation
import GoldenRuns
import Plans
import Runtime
import Safetensors
import Samplers
import Testing

/// The results of compiled plans, run by the executor, compared with those of an independent implementation.
@Suite struct GoldenRunTests {
    @Test(arguments: ["odd", "micro"])
    func `f32 logits and latents are within 1e-4 of the golden ones`(_ name: String) throws {
        let runs = try GoldenRuns(of: name)
        let expected = try SafetensorsFile(
            path: GoldenFiles.folder.appending(path: "\(name)/forward.safetensors").path)
        let model = try PlanModel(GoldenFiles.plan(name))
        for (number, prompt) in runs.prompts.enumerated() {
            for recurrences in runs.forward.recurrences {
                model.reset(slot: 0)
                let result = try model.evaluate(
                    RaggedCall(
                        function: .prefill, head: .logits, recurrences: recurrences,
                        slots: prompt.map { _ in 0 }, positions: prompt.indices.map(Int32.init), tokens: prompt,
                        states: .zeros(rows: prompt.count, width: model.shape.width)))
                let suffix = "r\(recurrences)"
                let logits = try expected.floats("prompt\(number).logits_\(suffix)")
                let latents = try expected.floats("prompt\(number).latents_\(suffix)")
                #expect(relativeError(result.logits.values, logits) < 1e-4, "prompt \(number), \(suffix)")
                #expect(relativeError(result.latents.values, latents) < 1e-4, "prompt \(number), \(suffix)")
            }
        }
    }

    @Test(arguments: ["odd", "micro"], [1, 2])
    func `autoregressive sequences are the golden ones with both cache budgets`(_ name: String, _ threads: Int) throws {
        let runs = try GoldenRuns(of: name)
        let plan = try GoldenFiles.plan(name)
        for run in runs.autoregressive {
            let model = try PlanModel(plan, cacheBudget: run.cacheBudget, threads: threads)
            var settings = AutoregressiveSettings()
            settings.recurrence = run.recurrence
            let sampler = try Autoregressive(
                prompt: runs.prompts[run.prompt], settings: settings,
                generation: GoldenFiles.settings(newTokens: run.new_tokens), shape: model.shape)
            let ended = try Generation.run([sampler], on: model)
            #expect(ended[0].tokens == run.sequence, "budget \(run.cacheBudget), prompt \(run.prompt)")
        }
    }

    @Test func `every diffusion run is the golden one, step by step`() throws {
        let runs = try GoldenRuns(of: "micro")
        let model = try PlanModel(GoldenFiles.plan("micro"))
        let diffusion = try #require(runs.diffusion)
        #expect(diffusion.count == 26)
        for (number, run) in diffusion.enumerated() {
            model.reset(slot: 0)
            let sampler = try DiffusionForcing(
                prompt: runs.prompts[run.prompt], settings: run.settings.diffusion,
                generation: GoldenFiles.settings(newTokens: run.settings.new_tokens), shape: model.shape)
            var steps: [GoldenRuns.Step] = []
            let ended = try Generation.run([sampler], on: model) { event in
                if let record = event.record { steps.append(.init(record)) }
                return true
            }
            let compared = min(run.steps.count, 82)
            let differing = zip(steps, run.steps).enumerated().first { $0.element.0 != $0.element.1 }
            #expect(steps.count >= compared, "run \(number)")
            #expect(differing == nil, "run \(number) differs at step \(differing?.offset ?? -1)")
            #expect(ended[0].tokens == run.sequence, "run \(number)")
        }
    }

    @Test func `the ten word problems come out as recorded, by every sampler`() throws {
        let problems = try GoldenWordProblems()
        let plan = try GoldenFiles.plan(GoldenFiles.wordmath)
        let stop: [Int32] = [631, 634]
        for row in problems.rows {
            var generation = GoldenFiles.settings(newTokens: 256)
            generation.stopTokens = stop
            generation.ignoreStopTokens = false
            for (budget, expected) in [
                (1, row.autoregressive_shared), (problems.recurrence, row.autoregressive_per_recurrence),
            ] {
                let model = try PlanModel(plan, cacheBudget: budget)
                var settings = AutoregressiveSettings()
                settings.recurrence = problems.recurrence
                let sampler = try Autoregressive(
                    prompt: row.prompt_tokens, settings: settings, generation: generation, shape: model.shape)
                #expect(try Generation.run([sampler], on: model)[0].generated == expected)
            }
            let model = try PlanModel(plan)
            let sampler = try DiffusionForcing(
                prompt: row.prompt_tokens, settings: DiffusionSettings(), generation: generation, shape: model.shape)
            #expect(try Generation.run([sampler], on: model)[0].generated == row.diffusion)
        }
    }
}

/// The largest difference, relative to the largest expected magnitude.
func relativeError(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    let scale = expected.map(abs).max() ?? 1
    return (zip(found, expected).map { abs($0 - $1) }.max() ?? 0) / scale
}
