import Runtime
import Samplers
import Testing

@Suite struct AutoregressiveTests {
    private func generate(
        _ model: any RecurrentModel, prompt: [Int32], settings: AutoregressiveSettings = .init(),
        generation: GenerationSettings = .init()
    ) throws -> any SequenceSampler {
        let sampler = try Autoregressive(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        return try Generation.run([sampler], on: model)[0]
    }

    @Test func `the prompt is one call, then every token a call of one row at the asked depth`() throws {
        let model = ToyModel()
        var generation = GenerationSettings()
        generation.maxNewTokens = 5
        var settings = AutoregressiveSettings()
        settings.recurrence = 24
        let sampler = try generate(model, prompt: [3, 1, 2], settings: settings, generation: generation)

        #expect(sampler.generated == model.continuation(of: [3, 1, 2], count: 5))
        #expect(sampler.finishReason == .length)
        #expect(model.calls.map(\.function) == [.prefill, .decode, .decode, .decode, .decode])
        #expect(model.calls.map(\.positions) == [[0, 1, 2], [3], [4], [5], [6]])
        #expect(model.calls.allSatisfy { $0.recurrences == 24 && $0.head == .token && $0.step == nil })
        #expect(sampler.statistics.steps == 4)
        #expect(sampler.statistics.recurrences == 5 * 24)
        #expect(sampler.statistics.tokensForwarded == 7)
    }

    @Test func `states start fresh by position; with warm start, from where the token before ended`() throws {
        var generation = GenerationSettings()
        generation.maxNewTokens = 4
        generation.seed = 5
        let fresh = InitialStates(width: 3, deviation: 1, seed: 5)
        for warmStart in [false, true] {
            var settings = AutoregressiveSettings()
            settings.warmStart = warmStart
            let model = ScriptedModel(width: 3) { call in
                ScriptedModel.result(call, width: 3, value: { Float($0) + 0.5 }, token: { _ in 1 })
            }
            _ = try generate(model, prompt: [7, 8], settings: settings, generation: generation)
            #expect(model.calls[0].states == fresh.states(.initialState, positions: 0..<2, step: 0))
            for (index, call) in model.calls.dropFirst().enumerated() {
                let position = index + 2
                let warm = Latents(width: 3, values: [Float](repeating: Float(position - 1) + 0.5, count: 3))
                #expect(
                    call.states
                        == (warmStart
                            ? warm : fresh.states(.initialState, positions: position..<position + 1, step: 0)))
            }
        }
    }

    @Test func `a stop token ends the text and is kept; it does not when ignored, or when it is the prompt's`() throws {
        let model = ScriptedModel { ScriptedModel.result($0, token: { Int32($0) * 10 }) }
        var generation = GenerationSettings()
        generation.stopTokens = [30, 99]
        generation.maxNewTokens = 5
        let stopped = try generate(model, prompt: [99, 30], generation: generation)
        #expect(stopped.generated == [10, 20, 30])
        #expect(stopped.finishReason == .stop)
        generation.ignoreStopTokens = true
        let unstopped = try generate(model, prompt: [99, 30], generation: generation)
        #expect(unstopped.generated == [10, 20, 30, 40, 50])
        #expect(unstopped.finishReason == .length)
    }

    @Test func `the context's end ends the text, one token after the last position`() throws {
        let model = ToyModel(context: 6)
        let sampler = try generate(model, prompt: [1, 2, 3])
        #expect(sampler.tokens.count == 6)
        #expect(sampler.finishReason == .context)
    }

    @Test func `no new tokens asked for: no call at all`() throws {
        let model = ToyModel()
        var generation = GenerationSettings()
        generation.maxNewTokens = 0
        let sampler = try generate(model, prompt: [1], generation: generation)
        #expect(sampler.finishReason == .length)
        #expect(model.calls.isEmpty)
    }

    @Test func `the penalty is for every token of prompt and text, and needs the logits`() throws {
        let model = ToyModel(vocabulary: 8)
        var generation = GenerationSettings()
        generation.maxNewTokens = 6
        generation.choice.repetitionPenalty = 1e30
        let sampler = try generate(model, prompt: [0, 5], generation: generation)
        #expect(Set(sampler.tokens) == Set(0..<8), "every token once before any twice: \(sampler.tokens)")
        #expect(model.calls.allSatisfy { $0.head == .logits })
    }

    @Test func `sampled text repeats with its seed and differs with another`() throws {
        var generation = GenerationSettings()
        generation.maxNewTokens = 20
        generation.choice.temperature = 5
        func text(_ seed: UInt64) throws -> [Int32] {
            generation.seed = seed
            return try generate(ToyModel(), prompt: [1, 2], generation: generation).generated
        }
        #expect(try text(1) == text(1))
        #expect(try text(1) != text(2))
    }

    @Test func `logits or states that are not numbers are an error that says where`() throws {
        let nanLogits = ScriptedModel { call in
            var result = ScriptedModel.result(call, token: { _ in 0 })
            result.logits = Latents(width: 100, values: [Float](repeating: .nan, count: 100 * call.tokens.count))
            return result
        }
        var generation = GenerationSettings()
        generation.choice.temperature = 1
        let logitsError = #expect(throws: SamplerError.self) {
            try generate(nanLogits, prompt: [1, 2, 3], generation: generation)
        }
        #expect(logitsError?.description.contains("logits at position 2") == true)

        let nanStates = ScriptedModel { ScriptedModel.result($0, value: { _ in .nan }, token: { _ in 0 }) }
        let statesError = #expect(throws: SamplerError.self) { try generate(nanStates, prompt: [1, 2, 3]) }
        #expect(statesError?.description.contains("state at position 2") == true)
    }

    @Test func `a model that returns too little, or a token it does not have, is an error`() {
        let short = ScriptedModel { call in ModelResult(states: call.states) }
        #expect(throws: SamplerError.self) { try generate(short, prompt: [1, 2]) }
        let foreign = ScriptedModel { ScriptedModel.result($0, token: { _ in 100 }) }
        #expect(throws: SamplerError.self) { try generate(foreign, prompt: [1, 2]) }
    }
}
