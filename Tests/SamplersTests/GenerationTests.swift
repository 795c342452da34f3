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

    @Test func `a prompt shares calls in pieces, and delays no other sequence`() throws {
        let model = ToyModel(cacheBudget: 32)
        let short = try Autoregressive(prompt: [1], generation: settings(seed: 0, count: 30), shape: model.shape)
        var lossless = LosslessSettings()
        lossless.innerRecurrence = 8
        let wave = try LosslessWavefront(
            prompt: [2], settings: lossless, generation: settings(seed: 1, count: 30), shape: model.shape)
        let prompt = (0..<20).map { Int32($0 % 16) }
        let long = try Autoregressive(prompt: prompt, generation: settings(seed: 2, count: 2), shape: model.shape)

        var generation = Generation(model: model, promptRows: 8)
        try generation.add(short, slot: 0)
        try generation.add(wave, slot: 1)
        _ = try generation.step()
        try generation.add(long, slot: 2)
        let before = model.calls.count
        var ended: (any SequenceSampler)?
        while ended == nil {
            let events = try generation.step()
            // The others make a token in every step.
            #expect(events[0].newTokens.count == 1)
            ended = events.first { $0.slot == 2 }?.ended
        }
        let rows = model.calls[before...].map { call in call.slots.count { $0 == 2 } }.filter { $0 > 0 }
        // Chunks of 8, 8 and 4 positions, each in as many calls as the recurrences of the largest group take, and the
        // second token.
        #expect(rows.allSatisfy { $0 <= 8 } && rows.reduce(0, +) % 4 == 1)
        let alone = try Generation.run([long], on: ToyModel(cacheBudget: 32))[0]
        #expect(ended?.tokens == alone.tokens)
    }

    @Test func `rows of a large call that are not read out are spared the head`() throws {
        let model = ToyModel(cacheBudget: 32)
        let waves = try (0..<12).map { slot in
            var lossless = LosslessSettings()
            (lossless.recurrence, lossless.innerRecurrence) = (32, 8)
            return try LosslessWavefront(
                prompt: [Int32(slot)], settings: lossless, generation: settings(seed: 1, count: 12), shape: model.shape)
        }
        var generation = Generation(model: model)
        for (slot, wave) in waves.enumerated() { try generation.add(Selective(sampler: wave), slot: Int32(slot)) }
        while !generation.isIdle {
            for event in try generation.step() {
                guard let ended = event.ended else { continue }
                #expect(ended.generated == model.continuation(of: [event.slot], count: 12))
            }
        }
        // The states of all rows, then the read-outs of the newest and the oldest of each sequence.
        let index = try #require(model.calls.firstIndex { $0.tokens.count == 48 })
        #expect(model.calls[index].head == .state && model.calls[index].recurrences == 8)
        #expect(model.calls[index + 1].head == .token && model.calls[index + 1].recurrences == 0)
        #expect(model.calls[index + 1].function == .resume && model.calls[index + 1].tokens.count == 24)
    }

    /// A lossless wavefront that asks for the read-outs of its newest and its oldest row only, and is told the draft for
    /// the others.
    private struct Selective: SequenceSampler {
        var sampler: LosslessWavefront

        var promptCount: Int { sampler.promptCount }
        var tokens: [Int32] { sampler.tokens }
        var finishReason: FinishReason? { sampler.finishReason }
        var statistics: SamplerStatistics { sampler.statistics }
        mutating func cancel() { sampler.cancel() }

        func nextCall() -> SequenceCall? {
            guard var call = sampler.nextCall(), !call.isPrompt else { return sampler.nextCall() }
            call.reads = .some(Array(Set([0, call.tokens.count - 1])).sorted())
            return call
        }

        mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
            var result = result
            for row in result.tokens.indices where call.start + row + 1 < sampler.draftedTokens.count {
                if case .some(let rows) = call.reads, !rows.contains(row) {
                    result.tokens[row] = sampler.draftedTokens[call.start + row + 1]
                }
            }
            return try sampler.receive(result, of: call)
        }
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
