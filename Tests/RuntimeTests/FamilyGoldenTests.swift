import Foundation
import GoldenRuns
import NumberFormats
import Plans
import Runtime
import Safetensors
import Samplers
import Testing

/// Compiled plans of every family, run by the executor, compared with what the family's published code computes.
@Suite struct FamilyGoldenTests {
    /// What the published code computes in one pass over a prompt, at every position.
    private struct Forward {
        let file: SafetensorsFile

        init(_ name: String) throws {
            file = try SafetensorsFile(path: FamilyRuns.folder(name).appending(path: "forward.safetensors").path)
        }

        /// The numbers of recurrences that were recorded.
        func depths(ofPrompt prompt: Int) -> [Int] {
            let prefix = "prompt\(prompt).logits_r"
            return file.tensors.compactMap { $0.name.hasPrefix(prefix) ? Int($0.name.dropFirst(prefix.count)) : nil }
                .sorted()
        }
    }

    private static func model(_ name: String, weights: ElementType = .f32, budget: Int = 1) throws -> PlanModel {
        try PlanModel(GoldenFiles.plan(FamilyRuns.folder(name), weights: weights), cacheBudget: budget)
    }

    private static func evaluate(
        _ model: PlanModel, _ prompt: [Int32], recurrences: Int, states: Latents? = nil
    ) throws -> ModelResult {
        model.reset(slot: 0)
        return try model.evaluate(
            RaggedCall(
                function: .prefill, head: .logits, recurrences: recurrences, slots: prompt.map { _ in 0 },
                positions: prompt.indices.map(Int32.init), tokens: prompt,
                states: states ?? .zeros(rows: prompt.count, width: model.shape.width)))
    }

    private static func difference(_ found: [Float], _ expected: [Float]) -> Float {
        guard found.count == expected.count else { return .infinity }
        return zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
    }

    @Test(arguments: FamilyRuns.names)
    func `f32 logits and latents are within 1e-4 of the published code's`(_ name: String) throws {
        let (runs, forward) = (try FamilyRuns(of: name), try Forward(name))
        let model = try Self.model(name, budget: 8)
        for (number, prompt) in runs.prompts.enumerated() {
            let depths = forward.depths(ofPrompt: number)
            #expect(depths.count >= 3)
            for depth in depths {
                let result = try Self.evaluate(model, prompt, recurrences: depth)
                let logits = try forward.file.floats("prompt\(number).logits_r\(depth)")
                let latents = try forward.file.floats("prompt\(number).latents_r\(depth)")
                #expect(Self.difference(result.logits.values, logits) < 1e-4, "prompt \(number), depth \(depth)")
                #expect(Self.difference(result.latents.values, latents) < 1e-4, "prompt \(number), depth \(depth)")
            }
        }
    }

    @Test(arguments: ["retrofitted-llama", "retrofitted-olmo"])
    func `a state that is given is where the recurrences start`(_ name: String) throws {
        let (runs, forward) = (try FamilyRuns(of: name), try Forward(name))
        let model = try Self.model(name)
        let states = Latents(width: model.shape.width, values: try forward.file.floats("prompt0.initial_state"))
        let prefix = "prompt0.logits_from_initial_state_r"
        let names = forward.file.tensors.map(\.name).filter { $0.hasPrefix(prefix) }
        #expect(!names.isEmpty)
        for tensor in names {
            let depth = try #require(Int(tensor.dropFirst(prefix.count)))
            let result = try Self.evaluate(model, runs.prompts[0], recurrences: depth, states: states)
            #expect(Self.difference(result.logits.values, try forward.file.floats(tensor)) < 1e-4, "\(tensor)")
        }
    }

    @Test(arguments: ["ouro", "nanbeige"])
    func `a position that starts from its token ignores the state that it is given`(_ name: String) throws {
        let runs = try FamilyRuns(of: name)
        let model = try Self.model(name)
        let prompt = runs.prompts[0]
        let plain = try Self.evaluate(model, prompt, recurrences: 2)
        var states = Latents.zeros(rows: prompt.count, width: model.shape.width)
        for index in states.values.indices { states.values[index] = .nan }
        #expect(try Self.evaluate(model, prompt, recurrences: 2, states: states) == plain)
    }

    @Test(arguments: FamilyRuns.names)
    func `autoregressive sequences are the published code's, with caches of either kind`(_ name: String) throws {
        let runs = try FamilyRuns(of: name)
        for run in runs.autoregressive {
            let model = try Self.model(name, budget: run.cacheBudget)
            var settings = AutoregressiveSettings()
            settings.recurrence = run.recurrence
            let sampler = try Autoregressive(
                prompt: runs.prompts[run.prompt], settings: settings,
                generation: GoldenFiles.settings(newTokens: run.new_tokens), shape: model.shape)
            #expect(
                try Generation.run([sampler], on: model)[0].tokens == run.sequence,
                "budget \(run.cacheBudget), depth \(run.recurrence), prompt \(run.prompt)")
        }
    }

    @Test(arguments: FamilyRuns.names, ElementType.weightFormats)
    func `the lossless wavefront makes the tokens of autoregressive decoding, in every format`(
        _ name: String, _ format: ElementType
    ) throws {
        let runs = try FamilyRuns(of: name)
        for run in runs.autoregressive where run.cacheBudget == run.recurrence {
            let model = try Self.model(name, weights: format, budget: run.recurrence)
            let generation = GoldenFiles.settings(newTokens: run.new_tokens)
            var autoregressive = AutoregressiveSettings()
            autoregressive.recurrence = run.recurrence
            let prompt = runs.prompts[run.prompt]
            let expected = try Generation.run(
                [Autoregressive(prompt: prompt, settings: autoregressive, generation: generation, shape: model.shape)],
                on: model)[0].tokens
            if format == .f32 { #expect(expected == run.sequence) }
            for inner in Set([1, 2, run.recurrence]) where inner <= run.recurrence {
                model.reset(slot: 0)
                var settings = LosslessSettings()
                settings.recurrence = run.recurrence
                settings.innerRecurrence = inner
                let sampler = try LosslessWavefront(
                    prompt: prompt, settings: settings, generation: generation, shape: model.shape)
                #expect(
                    try Generation.run([sampler], on: model)[0].tokens == expected,
                    "depth \(run.recurrence), r' \(inner), prompt \(run.prompt)")
            }
        }
    }

    @Test func `Ouro's exit gate reads every token out after as many loops as the published rule`() throws {
        let runs = try FamilyRuns(of: "ouro")
        let exits = try #require(runs.early_exit)
        #expect(!exits.isEmpty)
        for run in exits {
            let model = try Self.model("ouro", budget: run.settings.recurrence)
            let prompt = runs.prompts[run.prompt]
            let sampler = try Adaptive(
                prompt: prompt, settings: run.settings, generation: GoldenFiles.settings(newTokens: run.new_tokens),
                shape: model.shape)
            let ended = try Generation.run([sampler], on: model)[0]
            #expect(ended.tokens == run.sequence, "threshold \(run.threshold), prompt \(run.prompt)")
            let adaptive = try #require(ended as? Adaptive)
            // The depth of the prompt is that of the first new token. The last new token has no position yet.
            let depths = [adaptive.depths[prompt.count - 1]] + adaptive.depths[prompt.count...]
            #expect(depths == run.steps, "threshold \(run.threshold), prompt \(run.prompt)")
        }
    }

    @Test func `Ouro's gates are within 1e-4 of the published code's`() throws {
        let (runs, forward) = (try FamilyRuns(of: "ouro"), try Forward("ouro"))
        let model = try Self.model("ouro", budget: 4)
        for (number, prompt) in runs.prompts.enumerated() {
            let gates = try forward.file.floats("prompt\(number).gates")
            let loops = gates.count / prompt.count
            for loop in 1...loops {
                let found = try Self.evaluate(model, prompt, recurrences: loop).exitGates
                let expected = prompt.indices.map { gates[$0 * loops + loop - 1] }
                #expect(Self.difference(found, expected) < 1e-4, "prompt \(number), loop \(loop)")
            }
        }
    }

    /// The largest errors here are 0.017 in bf16, 0.087 in int8 and 0.78 in int4, all of eight recurrences of widths below
    /// 100. Logits that had nothing to do with each other would be 1.4 apart.
    @Test(
        arguments: FamilyRuns.names,
        [(ElementType.bf16, Float(0.025)), (.int8, 0.13), (.int4, 1)])
    func `logits of packed weights are within the bound of their format`(
        _ name: String, _ format: (type: ElementType, bound: Float)
    ) throws {
        let (runs, forward) = (try FamilyRuns(of: name), try Forward(name))
        let model = try Self.model(name, weights: format.type, budget: 8)
        for (number, prompt) in runs.prompts.enumerated() {
            for depth in forward.depths(ofPrompt: number) {
                let result = try Self.evaluate(model, prompt, recurrences: depth)
                let logits = try forward.file.floats("prompt\(number).logits_r\(depth)")
                #expect(
                    Self.meanError(result.logits.values, logits) < format.bound, "prompt \(number), depth \(depth)")
            }
        }
    }

    /// The root of the mean square of the differences, relative to that of the expected numbers.
    private static func meanError(_ found: [Float], _ expected: [Float]) -> Float {
        guard found.count == expected.count else { return .infinity }
        let differences = zip(found, expected).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (differences / expected.reduce(Float(0)) { $0 + $1 * $1 }).squareRoot()
    }
}
