import NumberFormats
import Plans
import Runtime
import Samplers
import Testing

/// Calls that rows of different samplers, sequences and depths share, on compiled plans: every row has the bits of a call
/// of its own.
@Suite struct SharedCallTests {
    private static let recurrence = 6

    // MARK: Calls in parts

    @Test(arguments: ElementType.weightFormats)
    func `resume goes on where an earlier call stopped`(_ weights: ElementType) throws {
        let plan = try GoldenFiles.plan("odd", weights: weights)
        for budget in [1, 2, Self.recurrence] {
            let model = try PlanModel(plan, context: 64, cacheBudget: budget, threads: 2)
            let tokens: [Int32] = [17, 5, 101, 44, 230]
            func call(
                _ function: RaggedCall.Function, _ head: RaggedCall.Head, _ recurrences: Int, depth: Int32,
                from state: ModelResult? = nil
            ) -> RaggedCall {
                let fresh = InitialStates(width: model.shape.width, deviation: model.shape.stateDeviation, seed: 5)
                    .states(.initialState, positions: 0..<tokens.count, step: 0)
                return RaggedCall(
                    function: function, head: head, recurrences: recurrences, slots: tokens.map { _ in 0 },
                    positions: tokens.indices.map(Int32.init), depths: tokens.map { _ in depth }, tokens: tokens,
                    states: state?.states ?? fresh, embeddings: function == .resume ? state?.embeddings : nil)
            }
            let whole = try model.evaluate(call(.decode, .logits, Self.recurrence, depth: 0))
            let next = Self.oneMore(model, depth: Int32(Self.recurrence))
            let expected = try model.evaluate(next)

            var part = try model.evaluate(call(.prefill, .state, 2, depth: 0))
            #expect(part.logits.values.isEmpty && part.tokens.isEmpty)
            #expect(part.embeddings == whole.embeddings)
            part.states = try model.evaluate(call(.resume, .state, 3, depth: 2, from: part)).states
            part.states = try model.evaluate(call(.resume, .state, 1, depth: 5, from: part)).states
            let readOut = try model.evaluate(call(.resume, .logits, 0, depth: 6, from: part))
            #expect(readOut.states == whole.states, "budget \(budget)")
            #expect(readOut.logits == whole.logits, "budget \(budget)")
            // What the parts left in the caches is the same too.
            #expect(try model.evaluate(next) == expected, "budget \(budget)")
        }
    }

    /// A call of the position after five others, at full depth.
    private static func oneMore(_ model: PlanModel, depth: Int32) -> RaggedCall {
        RaggedCall(
            function: .decode, head: .logits, recurrences: Int(depth), slots: [0], positions: [5], tokens: [9],
            states: .zeros(rows: 1, width: model.shape.width))
    }

    // MARK: Samplers in company

    /// A sampler that keeps what it is told.
    private struct Listener: SequenceSampler {
        var sampler: any SequenceSampler
        /// The states and read-outs of every result.
        var heard: [ModelResult] = []

        init(_ sampler: any SequenceSampler) { self.sampler = sampler }

        var promptCount: Int { sampler.promptCount }
        var tokens: [Int32] { sampler.tokens }
        var finishReason: FinishReason? { sampler.finishReason }
        var statistics: SamplerStatistics { sampler.statistics }
        func nextCall() -> SequenceCall? { sampler.nextCall() }
        mutating func cancel() { sampler.cancel() }

        mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
            heard.append(
                ModelResult(
                    states: result.states, tokens: call.head == .token ? result.tokens : [],
                    logits: call.head == .logits ? result.logits : Latents(width: 0),
                    embeddings: call.function == .step ? result.embeddings : Latents(width: 0),
                    differences: call.function == .step ? result.differences : []))
            return try sampler.receive(result, of: call)
        }
    }

    /// A sequence of each sampler, with read-outs as tokens and as logits, at steps of two and of six recurrences.
    private static func mixture(_ shape: ModelShape) throws -> [any SequenceSampler] {
        func generation(_ seed: UInt64, _ temperature: Float = 0) -> GenerationSettings {
            var generation = GenerationSettings()
            generation.maxNewTokens = 10
            generation.ignoreStopTokens = true
            generation.seed = seed
            generation.choice.temperature = temperature
            return generation
        }
        func prompt(_ count: Int, _ first: Int32) -> [Int32] { (0..<Int32(count)).map { (first + $0 * 37) % 500 } }
        var lossless = LosslessSettings()
        (lossless.recurrence, lossless.innerRecurrence) = (recurrence, 2)
        var plain = AutoregressiveSettings()
        plain.recurrence = recurrence
        var shallow = plain
        (shallow.recurrence, shallow.warmStart) = (2, true)
        var diffusion = DiffusionSettings()
        (diffusion.recurrence, diffusion.innerRecurrence) = (recurrence, 2)
        diffusion.exitThreshold = 0.3
        var adaptive = AdaptiveSettings(criterion: .latentDiff)
        (adaptive.recurrence, adaptive.exitThreshold) = (recurrence, 0.3)
        var divergence = AdaptiveSettings(criterion: .kl)
        (divergence.recurrence, divergence.checkEvery, divergence.exitThreshold) = (recurrence, 2, 0.02)
        var speculative = SpeculativeSettings()
        (speculative.recurrence, speculative.draftRecurrence) = (recurrence, 2)
        return [
            try LosslessWavefront(prompt: prompt(5, 1), settings: lossless, generation: generation(1), shape: shape),
            try DiffusionForcing(prompt: prompt(7, 2), settings: diffusion, generation: generation(2), shape: shape),
            try Autoregressive(prompt: prompt(3, 3), settings: shallow, generation: generation(3), shape: shape),
            try LosslessWavefront(
                prompt: prompt(30, 4), settings: lossless, generation: generation(4, 1), shape: shape),
            try Autoregressive(prompt: prompt(41, 5), settings: plain, generation: generation(5), shape: shape),
            try DiffusionForcing(
                prompt: prompt(2, 6), settings: diffusion, generation: generation(6, 1.5), shape: shape),
            try Adaptive(prompt: prompt(35, 7), settings: adaptive, generation: generation(7), shape: shape),
            try Adaptive(prompt: prompt(4, 8), settings: divergence, generation: generation(8, 1), shape: shape),
            try Speculative(prompt: prompt(6, 9), settings: speculative, generation: generation(9, 1), shape: shape),
        ]
    }

    @Test(arguments: ElementType.weightFormats, [4, 256])
    func `a sampler is told the same in company as alone`(_ weights: ElementType, promptRows: Int) throws {
        let plan = try GoldenFiles.plan("odd", weights: weights)
        func model(_ sequences: Int) throws -> PlanModel {
            try PlanModel(plan, sequences: sequences, context: 64, cacheBudget: Self.recurrence, threads: 2)
        }
        let alone = try Self.mixture(model(1).shape).map { sampler in
            try #require(try Generation.run([Listener(sampler)], on: model(1))[0] as? Listener)
        }
        let shared = try model(alone.count)
        var generation = Generation(model: shared, promptRows: promptRows)
        for (slot, sampler) in try Self.mixture(shared.shape).enumerated() {
            try generation.add(Listener(sampler), slot: Int32(slot))
        }
        while !generation.isIdle {
            for event in try generation.step() {
                guard let ended = event.ended else { continue }
                let (found, expected) = (try #require(ended as? Listener), alone[Int(event.slot)])
                #expect(found.tokens == expected.tokens, "sequence \(event.slot)")
                #expect(found.heard == expected.heard, "sequence \(event.slot)")
                #expect(found.statistics == expected.statistics, "sequence \(event.slot)")
            }
        }
    }

    // MARK: Positions that have settled

    @Test func `positions of a prompt that have settled take no more recurrences`() throws {
        let plan = try GoldenFiles.plan("micro", weights: .f32)
        func first(_ threshold: Float?, r: Int) throws -> (token: Int32, rows: [Int]) {
            let model = CountingModel(try PlanModel(plan, context: 64, cacheBudget: r, threads: 1))
            var generation = GenerationSettings()
            generation.maxNewTokens = 1
            generation.prefillThreshold = threshold
            var settings = AutoregressiveSettings()
            settings.recurrence = r
            let sampler = try Autoregressive(
                prompt: (0..<12).map { $0 * 31 }, settings: settings, generation: generation, shape: model.shape)
            return (try Generation.run([sampler], on: model)[0].generated[0], model.rows)
        }
        let plain = try first(nil, r: 16)
        #expect(plain.rows == [12])
        // Nothing is below 0: every position takes all recurrences, one at a time, and then is read out.
        let never = try first(0, r: 16)
        #expect(never.token == plain.token)
        #expect(never.rows == [Int](repeating: 12, count: 17))
        // Every position settles at once: the first token is that of one recurrence.
        let always = try first(1e9, r: 16)
        #expect(always.token == (try first(nil, r: 1)).token)
        #expect(always.rows == [12, 12])
        let some = try first(0.1, r: 16)
        #expect(some.rows.last == 12)
        #expect(zip(some.rows.dropLast(), some.rows.dropFirst().dropLast()).allSatisfy { $0 >= $1 })
        #expect(some.rows.reduce(0, +) < never.rows.reduce(0, +))
    }

    /// A model that counts the rows of its calls.
    private final class CountingModel: RecurrentModel {
        let model: PlanModel
        private(set) var rows: [Int] = []

        init(_ model: PlanModel) { self.model = model }

        var shape: ModelShape { model.shape }

        func evaluate(_ call: RaggedCall) throws -> ModelResult {
            rows.append(call.tokens.count)
            return try model.evaluate(call)
        }
    }
}
