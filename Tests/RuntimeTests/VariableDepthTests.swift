import NumberFormats
import Plans
import Runtime
import Samplers
import Testing

/// Self-speculation and adaptive depth on compiled plans: the tokens and the bits of autoregressive decoding with an
/// entry for each recurrence.
@Suite struct VariableDepthTests {
    private static let recurrence = 6
    private static let prompt: [Int32] = [17, 5, 101, 44, 230]

    private static func generation(temperature: Float) -> GenerationSettings {
        var generation = GenerationSettings()
        generation.maxNewTokens = 14
        generation.ignoreStopTokens = true
        generation.choice.temperature = temperature
        generation.seed = 3
        return generation
    }

    private static func model(_ plan: Plan) throws -> FinalStatesModel {
        FinalStatesModel(try PlanModel(plan, context: 64, cacheBudget: recurrence, threads: 1), recurrence: recurrence)
    }

    private static func autoregressive(_ generation: GenerationSettings, on model: FinalStatesModel) throws -> [Int32] {
        var settings = AutoregressiveSettings()
        settings.recurrence = recurrence
        let sampler = try Autoregressive(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        return try Generation.run([sampler], on: model)[0].tokens
    }

    /// A verification that continues from the drafts' states gives what starting again would give.
    @Test(arguments: ["micro", "odd"], ElementType.weightFormats)
    func `verified tokens and their states are those of autoregressive decoding`(
        _ name: String, _ weights: ElementType
    ) throws {
        let plan = try GoldenFiles.plan(name, weights: weights)
        for temperature: Float in [0, 1] {
            let generation = Self.generation(temperature: temperature)
            let plain = try Self.model(plan)
            let expected = try Self.autoregressive(generation, on: plain)
            for (draft, lookahead) in [(1, 1), (2, 4), (5, 3), (Self.recurrence, 8)] {
                var settings = SpeculativeSettings()
                settings.recurrence = Self.recurrence
                settings.draftRecurrence = draft
                settings.lookahead = lookahead
                let model = try Self.model(plan)
                let sampler = try Speculative(
                    prompt: Self.prompt, settings: settings, generation: generation, shape: model.shape)
                let found = try Generation.run([sampler], on: model)[0]
                let what = "D \(draft), L \(lookahead), temperature \(temperature)"
                #expect(found.tokens == expected, "\(what)")
                #expect(model.states == plain.states, "\(what)")
            }
        }
    }

    /// With a threshold that no value meets, all positions take r recurrences, one call each.
    @Test(arguments: [ExitCriterion.latentDiff, .kl])
    func `without an exit, adaptive depth gives the tokens and states of autoregressive decoding`(
        _ criterion: ExitCriterion
    ) throws {
        let plan = try GoldenFiles.plan("odd", weights: .bf16)
        let generation = Self.generation(temperature: 1)
        let plain = try Self.model(plan)
        let expected = try Self.autoregressive(generation, on: plain)
        var settings = AdaptiveSettings(criterion: criterion)
        settings.recurrence = Self.recurrence
        settings.exitThreshold = 0
        for every in [1, 4] {
            settings.checkEvery = every
            let model = try Self.model(plan)
            let sampler = try Adaptive(
                prompt: Self.prompt, settings: settings, generation: generation, shape: model.shape)
            #expect(try Generation.run([sampler], on: model)[0].tokens == expected)
            #expect(model.states == plain.states)
        }
    }
}

/// A model that keeps the state of each position of slot 0 that has had all recurrences.
private final class FinalStatesModel: RecurrentModel {
    let model: PlanModel
    let recurrence: Int
    private(set) var states: [Int32: Latents] = [:]

    init(_ model: PlanModel, recurrence: Int) {
        self.model = model
        self.recurrence = recurrence
    }

    var shape: ModelShape { model.shape }

    func evaluate(_ call: RaggedCall) throws -> ModelResult {
        let result = try model.evaluate(call)
        for row in call.tokens.indices where Int(call.depths[row]) + call.recurrences == recurrence {
            states[call.positions[row]] = result.states.rows(row..<row + 1)
        }
        return result
    }
}
