import NumberFormats
import Plans
import Runtime
import Samplers
import Testing

/// The lossless wavefront on compiled plans: the tokens and the bits of autoregressive decoding with an entry for each
/// recurrence.
@Suite struct LosslessTests {
    private static let recurrence = 6
    private static let prompt: [Int32] = [17, 5, 101, 44, 230]

    /// A model that keeps the state with which each position of slot 0 ended.
    private final class RecordingModel: RecurrentModel {
        let model: PlanModel
        private(set) var states: [Int32: Latents] = [:]
        private(set) var calls: [RaggedCall] = []

        init(_ model: PlanModel) { self.model = model }

        var shape: ModelShape { model.shape }

        func evaluate(_ call: RaggedCall) throws -> ModelResult {
            let result = try model.evaluate(call)
            for row in call.tokens.indices
            where call.slots[row] == 0 && Int(call.depths[row]) + call.recurrences == LosslessTests.recurrence {
                states[call.positions[row]] = result.states.rows(row..<row + 1)
            }
            calls.append(call)
            return result
        }
    }

    private static func generation(temperature: Float = 0, seed: UInt64 = 3) -> GenerationSettings {
        var generation = GenerationSettings()
        generation.maxNewTokens = 14
        generation.ignoreStopTokens = true
        generation.choice.temperature = temperature
        generation.seed = seed
        return generation
    }

    private static func lossless(
        _ prompt: [Int32], inner: Int, _ generation: GenerationSettings, _ shape: ModelShape
    ) throws -> LosslessWavefront {
        var settings = LosslessSettings()
        settings.recurrence = recurrence
        settings.innerRecurrence = inner
        return try LosslessWavefront(prompt: prompt, settings: settings, generation: generation, shape: shape)
    }

    private static func autoregressive(
        _ prompt: [Int32], _ generation: GenerationSettings, _ shape: ModelShape
    ) throws -> Autoregressive {
        var settings = AutoregressiveSettings()
        settings.recurrence = recurrence
        return try Autoregressive(prompt: prompt, settings: settings, generation: generation, shape: shape)
    }

    @Test(arguments: ["micro", "odd"], ElementType.weightFormats)
    func `tokens and final states are those of autoregressive decoding`(_ name: String, _ weights: ElementType) throws {
        try Self.expectSame(as: name, weights, .f32)
    }

    @Test(arguments: [ElementType.f32, .bf16], [CacheFormat.bf16, .int8])
    func `rounded caches keep the tokens and final states of autoregressive decoding`(
        _ weights: ElementType, _ caches: CacheFormat
    ) throws {
        try Self.expectSame(as: "odd", weights, caches)
    }

    private static func expectSame(as name: String, _ weights: ElementType, _ caches: CacheFormat) throws {
        let plan = try GoldenFiles.plan(name, weights: weights)
        func model(threads: Int) throws -> RecordingModel {
            RecordingModel(
                try PlanModel(plan, context: 64, cacheBudget: recurrence, cacheFormat: caches, threads: threads))
        }
        for temperature: Float in [0, 1] {
            let generation = Self.generation(temperature: temperature)
            let plain = try model(threads: 1)
            let expected = try Generation.run(
                [Self.autoregressive(Self.prompt, generation, plain.shape)], on: plain)[0]
            for inner in [1, 2, 3, 4, Self.recurrence] {
                for threads in [1, 2] {
                    let wave = try model(threads: threads)
                    let found = try Generation.run(
                        [Self.lossless(Self.prompt, inner: inner, generation, wave.shape)], on: wave)[0]
                    let what = "r' \(inner), temperature \(temperature), \(threads) threads"
                    #expect(found.tokens == expected.tokens, "\(what)")
                    #expect(found.finishReason == expected.finishReason, "\(what)")
                    #expect(wave.states == plain.states, "\(what)")
                    // With r' above r / 2 a position has only one step before its last, which it makes alone.
                    #expect(inner > 3 || wave.calls.contains { $0.tokens.count > 1 && $0.depths[0] > 0 })
                    // The wave runs out without new positions, and so without the prelude.
                    #expect(inner == Self.recurrence || wave.calls.contains { $0.function == .resume })
                }
            }
        }
    }

    @Test(arguments: CacheFormat.allCases)
    func `sequences of both samplers and all depths share calls`(_ format: CacheFormat) throws {
        let plan = try GoldenFiles.plan("odd", weights: .bf16)
        let prompts: [[Int32]] = [[9], Self.prompt, [3, 1, 4], [2, 7]]
        func expected(_ prompt: [Int32]) throws -> [Int32] {
            let model = try PlanModel(plan, context: 64, cacheBudget: Self.recurrence, cacheFormat: format, threads: 2)
            return try Generation.run(
                [Self.autoregressive(prompt, Self.generation(temperature: 1), model.shape)], on: model)[0].tokens
        }
        let model = RecordingModel(
            try PlanModel(
                plan, sequences: 4, context: 64, cacheBudget: Self.recurrence, cacheFormat: format, threads: 2))
        let samplers: [any SequenceSampler] = try [
            Self.lossless(prompts[0], inner: 2, Self.generation(temperature: 1), model.shape),
            Self.lossless(prompts[1], inner: Self.recurrence, Self.generation(temperature: 1), model.shape),
            Self.autoregressive(prompts[2], Self.generation(temperature: 1), model.shape),
            Self.lossless(prompts[3], inner: 2, Self.generation(temperature: 1), model.shape),
        ]
        let ended = try Generation.run(samplers, on: model)
        for (sampler, prompt) in zip(ended, prompts) { #expect(try sampler.tokens == expected(prompt)) }
        #expect(model.calls.contains { Set($0.slots).count == 2 && Set($0.depths).count > 1 })
        #expect(model.calls.contains { $0.function == .decode && Set($0.slots) == [1, 2] })
    }

    /// A wave of so many rows, few of which are read out, runs as one call without coda and head and one of these alone.
    @Test func `a wide wave whose rows are mostly not read out gives the tokens of autoregressive decoding`() throws {
        var settings = LosslessSettings()
        (settings.recurrence, settings.innerRecurrence, settings.correction) = (40, 1, .atFullDepth)
        var plainSettings = AutoregressiveSettings()
        plainSettings.recurrence = settings.recurrence
        let plan = try GoldenFiles.plan("odd", weights: .bf16)
        for temperature: Float in [0, 1] {
            var generation = Self.generation(temperature: temperature)
            generation.maxNewTokens = 44
            func model() throws -> RecordingModel {
                RecordingModel(try PlanModel(plan, context: 64, cacheBudget: settings.recurrence, threads: 1))
            }
            let (plain, wave) = (try model(), try model())
            let expected = try Generation.run(
                [
                    Autoregressive(
                        prompt: Self.prompt, settings: plainSettings, generation: generation, shape: plain.shape)
                ], on: plain)[0]
            // The first position grows a wave of 40 rows; a few more show what a wrong draft does to it.
            let sampler = try LosslessWavefront(
                prompt: Self.prompt, settings: settings, generation: generation, shape: wave.shape)
            let found = try Generation.run([sampler], on: wave) { ($0.record?.step ?? 0) < 125 }[0]
            #expect(found.generated.count > 3, "temperature \(temperature)")
            #expect(
                found.generated == Array(expected.generated.prefix(found.generated.count)),
                "temperature \(temperature)")
            let readOuts = wave.calls.filter { $0.function == .resume && $0.recurrences == 0 }
            #expect(readOuts.contains { $0.tokens.count == 2 }, "temperature \(temperature)")
        }
    }
}
