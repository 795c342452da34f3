import Runtime
import Samplers
import Testing

@Suite struct GenerationTests {
    private let shape = ToyModel().shape

    private func settings(seed: UInt64, count: Int = 12, temperature: Float = 0) -> GenerationSettings {
        var generation = GenerationSettings()
        generation.maxNewTokens = count
        generation.seed = seed
        generation.choice.temperature = temperature
        return generation
    }

    /// The sequences of both samplers, with different prompts, depths, choices and lengths.
    private func mixture() throws -> [any SequenceSampler] {
        var deep = DiffusionSettings()
        deep.exitThreshold = 1e-3
        var wide = deep
        wide.headway = 2
        wide.noiseForm = .sqrt
        var other = deep
        other.innerRecurrence = 5
        other.prefill = false
        return [
            try DiffusionForcing(prompt: [1, 2], settings: deep, generation: settings(seed: 1), shape: shape),
            try DiffusionForcing(
                prompt: [3, 4, 5, 6], settings: wide, generation: settings(seed: 2, count: 20), shape: shape),
            try DiffusionForcing(prompt: [9, 9, 9], settings: other, generation: settings(seed: 3), shape: shape),
            try DiffusionForcing(
                prompt: [7], settings: deep, generation: settings(seed: 4, temperature: 2), shape: shape),
            try Autoregressive(prompt: [1, 2, 8], generation: settings(seed: 5), shape: shape),
            try Autoregressive(prompt: [11], generation: settings(seed: 6, temperature: 3), shape: shape),
        ]
    }

    @Test(arguments: [Int.max, 7, 1]) func `a sequence is the same in company as alone`(maxRows: Int) throws {
        let together = try Generation.run(mixture(), on: ToyModel(), maxRows: maxRows)
        for (sampler, expected) in zip(try mixture(), together) {
            let alone = try Generation.run([sampler], on: ToyModel())[0]
            #expect(alone.tokens == expected.tokens)
            #expect(alone.finishReason == expected.finishReason)
            #expect(alone.statistics == expected.statistics)
        }
    }

    @Test func `like calls of several sequences are one call, in each its own slot`() throws {
        let model = ToyModel()
        let samplers: [any SequenceSampler] = try (0..<3).map {
            try Autoregressive(
                prompt: [Int32]([1, 2, 3].prefix($0 + 1)), generation: settings(seed: 0, count: 4), shape: shape)
        }
        _ = try Generation.run(samplers, on: model)
        #expect(model.calls.map(\.function) == [.prefill, .decode, .decode, .decode])
        #expect(model.calls[0].slots == [0, 1, 1, 2, 2, 2])
        #expect(model.calls[0].positions == [0, 0, 1, 0, 1, 2])
        #expect(model.calls[1].slots == [0, 1, 2])
        #expect(model.calls[1].positions == [1, 2, 3])
    }

    @Test func `a call stays within the row limit unless one sequence alone exceeds it`() throws {
        let model = ToyModel()
        let samplers: [any SequenceSampler] = try [3, 1, 5, 2].map {
            try Autoregressive(
                prompt: [Int32](repeating: 1, count: $0), generation: settings(seed: 0, count: 1), shape: shape)
        }
        _ = try Generation.run(samplers, on: model, maxRows: 4)
        #expect(model.calls.map(\.tokens.count) == [4, 5, 2])
    }

    @Test func `a slot holds one sequence at a time, and is free again after its end`() throws {
        var generation = Generation(model: ToyModel())
        let sampler = try Autoregressive(prompt: [1], generation: settings(seed: 0, count: 1), shape: shape)
        try generation.add(sampler, slot: 3)
        #expect(throws: SamplerError.self) { try generation.add(sampler, slot: 3) }
        let events = try generation.step()
        #expect(events.map(\.slot) == [3])
        #expect(events[0].newTokens.count == 1 && events[0].ended?.finishReason == .length)
        #expect(generation.isIdle)
        try generation.add(sampler, slot: 3)
        #expect(generation.slots == [3])
    }

    @Test func `a cancelled sequence keeps what is final and is not evaluated again`() throws {
        let model = ToyModel()
        let samplers = try mixture()
        var events = 0
        let ended = try Generation.run([samplers[4]], on: model) { _ in
            events += 1
            return events < 3
        }
        #expect(ended[0].finishReason == .cancelled)
        #expect(ended[0].generated.count == 3)
        #expect(model.calls.count == 3)
    }

    @Test func `a sequence whose results cannot be used ends alone`() throws {
        let model = ScriptedModel { call in
            var result = ScriptedModel.result(call, token: { _ in 1 })
            for (row, slot) in call.slots.enumerated() where slot == 1 { result.tokens[row] = -5 }
            return result
        }
        var generation = Generation(model: model)
        for slot in Int32(0)..<3 {
            try generation.add(
                try Autoregressive(prompt: [1], generation: settings(seed: 0, count: 3), shape: model.shape), slot: slot
            )
        }
        let events = try generation.step()
        #expect(events.map { $0.failure != nil } == [false, true, false])
        #expect(events[1].ended != nil && events[1].newTokens.isEmpty)
        #expect(generation.slots == [0, 2])
        _ = try generation.step()
        #expect(try generation.step().allSatisfy { $0.ended?.finishReason == .length })
    }

    @Test func `what the model throws is thrown on`() throws {
        let model = ToyModel(context: 4)
        // The sampler is given a longer context than the model has.
        let sampler = try Autoregressive(prompt: [1, 2, 3], shape: shape)
        #expect(throws: RuntimeError.self) { try Generation.run([sampler], on: model) }
    }
}
