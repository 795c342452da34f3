import Runtime
import Samplers
import Testing

/// Adaptive depth on a model whose states move halfway to their target, so that the relative change after t recurrences
/// from zero is 1 / (2^t − 1).
@Suite struct AdaptiveTests {
    private static func generate(
        _ prompt: [Int32], _ settings: AdaptiveSettings, _ generation: GenerationSettings, on model: any RecurrentModel,
        onRecord: (StepRecord) -> Void = { _ in }
    ) throws -> Adaptive {
        let sampler = try Adaptive(prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        let ended = try Generation.run([sampler], on: model) { event in
            if let record = event.record { onRecord(record) }
            return true
        }
        return try #require(ended[0] as? Adaptive)
    }

    private static func fromZero(count: Int) -> GenerationSettings {
        var generation = GenerationSettings()
        generation.maxNewTokens = count
        generation.initScale = 0
        return generation
    }

    private static func settings(
        _ criterion: ExitCriterion = .latentDiff, r: Int = 16, threshold: Float? = nil, min: Int = 1, every: Int = 1
    ) -> AdaptiveSettings {
        var settings = AdaptiveSettings(criterion: criterion)
        settings.recurrence = r
        settings.exitThreshold = threshold ?? settings.exitThreshold
        settings.minRecurrence = min
        settings.checkEvery = every
        return settings
    }

    // MARK: Runs that can be worked out by hand

    @Test func `every position stops after the first change below the threshold`() throws {
        let model = ContinuedModel()
        var records: [StepRecord] = []
        let sampler = try Self.generate([1], Self.settings(), Self.fromZero(count: 4), on: model) { records.append($0) }
        // 1/31 is above 0.03 and 1/63 below it, so 6 recurrences. The targets are 2, 4, 8 and 16 modulo 12.
        #expect(sampler.generated == [2, 4, 8, 4])
        #expect(sampler.depths == [6, 6, 6, 6])
        #expect(sampler.checkedValues == (1...6).map { 1 / (Float(1 << $0) - 1) })
        #expect(records.map(\.step) == [0, 1, 2])
        #expect(records.map(\.start) == [1, 2, 3])
        #expect(records.map(\.recurrences) == [[6, 6], [6, 6, 6], [6, 6, 6, 6]])
        #expect(records.allSatisfy { $0.differences == sampler.checkedValues && $0.frozen == $0.tokens.count })
        #expect(sampler.statistics.steps == 3)
        #expect(sampler.statistics.recurrences == 4 * 6)
        #expect(sampler.statistics.tokensForwarded == 4)
    }

    @Test func `a token costs the prelude, its recurrences and one coda`() throws {
        let model = ContinuedModel()
        _ = try Self.generate([1, 0], Self.settings(), Self.fromZero(count: 2), on: model)
        // One call starts the rows and returns the prelude's output; the last call only reads out.
        let names = model.calls.map { "\($0.function).\($0.head)" }
        let resumed = [String](repeating: "resume.state", count: 5) + ["resume.token"]
        #expect(names == ["prefill.state"] + resumed + ["decode.state"] + resumed)
        #expect(model.calls.map(\.recurrences) == [1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0])
        #expect(model.calls.map(\.depths.first) == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6])
        #expect(model.calls.map(\.positions) == Array(repeating: [0, 1], count: 7) + Array(repeating: [2], count: 7))
    }

    @Test func `a criterion on logits runs coda and head at every check, and reads the token from the last`() throws {
        let model = ContinuedModel()
        let sampler = try Self.generate([1], Self.settings(.argmaxStability), Self.fromZero(count: 1), on: model)
        // The target is 2, and the tokens after 1, 2, … recurrences are 1, 1 (a tie of 1 and 2), 2, 2, ….
        #expect(sampler.checkedValues == [0, 1, 0, 1, 2, 3, 4, 5])
        #expect(sampler.generated == [2])
        let names = model.calls.map { "\($0.function).\($0.head)" }
        #expect(names == ["prefill.logits"] + [String](repeating: "resume.logits", count: 7))
        #expect(model.calls.allSatisfy { $0.recurrences == 1 })
    }

    @Test func `positions that never settle take all recurrences`() throws {
        let model = ContinuedModel()
        // The target is 12 modulo 12: the state stays zero, its relative change is not a number, and nothing stops.
        let sampler = try Self.generate([11], Self.settings(r: 9), Self.fromZero(count: 2), on: model)
        #expect(sampler.generated == [0, 0])
        #expect(sampler.depths == [9, 9])
        // The call that reaches r reads out at once.
        #expect(
            model.calls.map(\.head) == [RaggedCall.Head](repeating: .state, count: 8) + [.token]
                + [RaggedCall.Head](repeating: .state, count: 8) + [.token])
    }

    @Test func `the minimum comes first, and a threshold never met means r`() throws {
        func depths(_ settings: AdaptiveSettings) throws -> [Int] {
            try Self.generate([1], settings, Self.fromZero(count: 3), on: ContinuedModel()).depths
        }
        #expect(try depths(Self.settings(min: 8)) == [8, 8, 8])
        #expect(try depths(Self.settings(threshold: 0)) == [16, 16, 16])
        #expect(try depths(Self.settings(threshold: 2)) == [1, 1, 1])
        #expect(try depths(Self.settings(threshold: 2, min: 16)) == [16, 16, 16])
    }

    @Test func `between checks several recurrences run, and values compare checks`() throws {
        let model = ContinuedModel()
        let sampler = try Self.generate([1], Self.settings(every: 4), Self.fromZero(count: 1), on: model)
        // From 2^−4 away to 2^−8 away is a change of 15/255, to 2^−12 one of 15/4095.
        #expect(sampler.checkedValues == [1, 15 / 255, 15 / 4095])
        #expect(sampler.depths == [12])
        let cut = try Self.generate([1], Self.settings(r: 10, every: 4), Self.fromZero(count: 1), on: ContinuedModel())
        #expect(cut.depths == [10])
        #expect(cut.checkedValues.count == 3)
    }

    @Test func `a warm start continues from the state that the position before ended with`() throws {
        var settings = Self.settings()
        settings.warmStart = true
        let model = ContinuedModel()
        let sampler = try Self.generate([1], settings, Self.fromZero(count: 3), on: model)
        // From 2 · 63/64 to 4, the change after t recurrences is 2.03125 / (4 · 2^t − 2.03125): below 0.03 from 5 on.
        #expect(sampler.depths == [6, 5, 5])
        #expect(sampler.generated == [2, 4, 8])
        #expect(model.calls.first { $0.positions == [1] }?.states.values == [1.96875])
    }

    @Test func `the prompt is one position, whose value is the mean over its rows`() throws {
        // The targets are 2 and 0: the second row's change is not a number, so the prompt takes all recurrences.
        let sampler = try Self.generate([1, 10], Self.settings(r: 7), Self.fromZero(count: 2), on: ContinuedModel())
        #expect(sampler.depths == [7, 7, 7])
        // The first row of another prompt starts near its target, and the mean is half of the second row's change.
        let model = ScriptedModel { call in
            var result = ScriptedModel.result(call, token: { _ in 1 })
            let depth = Int(call.depths[0]) + call.recurrences
            result.states = Latents(width: 1, values: [4, Float(1 << depth)])
            result.embeddings = result.states
            return result
        }
        let mean = try Self.generate([1, 2], Self.settings(r: 3), Self.fromZero(count: 1), on: model)
        #expect(mean.checkedValues == [1, 0.25, 0.25])
    }

    @Test func `the probabilities of the model's gate add up, and those of a prompt are its last position's`() throws {
        func sampler(_ threshold: Float, _ calls: inout [RaggedCall]) throws -> Adaptive {
            let model = ScriptedModel { call in
                var result = ScriptedModel.result(call, token: { _ in 1 })
                result.embeddings = result.states
                // The last call of a position reads out a token, and computes no gate.
                if call.head == .state { result.exitGates = call.positions.map { $0 == 0 ? 1 : 0.25 } }
                return result
            }
            defer { calls = model.calls }
            let settings = Self.settings(.exitGate, r: 5, threshold: threshold)
            return try Self.generate([7, 8], settings, Self.fromZero(count: 2), on: model)
        }
        var calls: [RaggedCall] = []
        let early = try sampler(0.5, &calls)
        #expect(early.depths == [3, 3, 3])
        #expect(early.checkedValues == [0.25, 0.4375, 0.578125])
        #expect(calls.map(\.recurrences) == [1, 1, 1, 0, 1, 1, 1, 0])
        let never = try sampler(1, &calls)
        #expect(never.depths == [5, 5, 5] && never.checkedValues.last == 1)
        #expect(
            calls.map(\.head) == Array(repeating: [.state, .state, .state, .state, .token], count: 2).flatMap { $0 })
    }

    @Test func `positions whose depth is completed have the same tokens and depths, and every recurrence`() throws {
        var settings = Self.settings()
        settings.completesDepth = true
        let model = ContinuedModel()
        let sampler = try Self.generate([1], settings, Self.fromZero(count: 4), on: model)
        let plain = try Self.generate([1], Self.settings(), Self.fromZero(count: 4), on: ContinuedModel())
        #expect(sampler.tokens == plain.tokens && sampler.depths == plain.depths)
        #expect(sampler.checkedValues == plain.checkedValues)
        // Six recurrences settle a position, ten are left, and nobody reads what the last position would write.
        let rest = model.calls.filter { $0.recurrences == 10 }
        #expect(rest.map(\.positions) == [[0], [1], [2]] && rest.map(\.depths) == [[6], [6], [6]])
        #expect(rest.allSatisfy { $0.function == .resume && $0.head == .state })
        #expect(sampler.statistics.recurrences == 3 * 16 + 6)
        #expect(sampler.statistics.steps == plain.statistics.steps)
    }

    @Test func `a position that takes all recurrences has none to complete`() throws {
        var settings = Self.settings(threshold: 0)
        settings.completesDepth = true
        let model = ContinuedModel()
        let sampler = try Self.generate([1], settings, Self.fromZero(count: 3), on: model)
        let plain = ContinuedModel()
        #expect(
            try Self.generate([1], Self.settings(threshold: 0), Self.fromZero(count: 3), on: plain).tokens
                == sampler.tokens)
        #expect(model.calls.count == plain.calls.count)
    }

    // MARK: Equality

    /// A threshold that no value of the criterion meets.
    private static func neverMet(_ criterion: ExitCriterion) -> Float {
        switch criterion {
        case .latentDiff, .cosine, .entropyDiff, .kl, .minPKL: 0
        case .argmaxStability: 1000
        case .exitGate: 1
        }
    }

    /// What a threshold that is never met leaves is autoregressive decoding, whatever the draws and the calls.
    @Test(arguments: ExitCriterion.allCases, 0..<20)
    func `without an exit the tokens are those of autoregressive decoding`(
        _ criterion: ExitCriterion, _ seed: Int
    ) throws {
        let random = RandomCase(seed)
        let r = random.number(1...9, 0)
        let generation = random.generation()
        var settings = Self.settings(criterion, r: r, threshold: Self.neverMet(criterion))
        settings.checkEvery = criterion.readsGate ? 1 : random.number(1...4, 1)
        settings.warmStart = random.number(0...1, 2) == 1
        let prompt = random.prompt(vocabulary: 12)
        let found = try Self.generate(prompt, settings, generation, on: ContinuedModel())
        var plain = AutoregressiveSettings()
        plain.recurrence = r
        plain.warmStart = settings.warmStart
        let model = ContinuedModel()
        let expected = try Generation.run(
            [Autoregressive(prompt: prompt, settings: plain, generation: generation, shape: model.shape)], on: model)[0]
        #expect(found.tokens == expected.tokens)
        #expect(found.finishReason == expected.finishReason)
        #expect(found.statistics.recurrences == expected.statistics.recurrences)
        #expect(found.statistics.steps == expected.statistics.steps)
    }

    // MARK: Ends and errors

    @Test func `stop tokens, the context and the number of tokens end it`() throws {
        var generation = Self.fromZero(count: 3)
        generation.stopTokens = [4]
        let stopped = try Self.generate([1], Self.settings(), generation, on: ContinuedModel())
        #expect(stopped.generated == [2, 4])
        #expect(stopped.finishReason == .stop)
        let full = try Self.generate([1], Self.settings(), Self.fromZero(count: 9), on: ContinuedModel(context: 3))
        #expect(full.tokens == [1, 2, 4])
        #expect(full.finishReason == .context)
        let model = ContinuedModel()
        #expect(try Self.generate([1], Self.settings(), Self.fromZero(count: 0), on: model).finishReason == .length)
        #expect(model.calls.isEmpty)
    }

    @Test func `logits that are not numbers and missing results are errors`() throws {
        let broken = ScriptedModel(vocabulary: 2) { call in
            var result = ScriptedModel.result(call, value: { _ in 1 }, token: { _ in 1 })
            result.embeddings = result.states
            result.logits = Latents(width: 2, values: [.nan, .nan])
            return result
        }
        let error = #expect(throws: SamplerError.self) {
            try Self.generate([1], Self.settings(.kl, r: 3), Self.fromZero(count: 1), on: broken)
        }
        #expect(error?.description.contains("logits at position 0") == true)
        let short = ScriptedModel { ScriptedModel.result($0, token: { _ in 1 }) }
        #expect(throws: SamplerError.self) {
            try Self.generate([1], Self.settings(), Self.fromZero(count: 1), on: short)
        }
    }

    @Test func `settings out of range are refused by name`() {
        func refused(_ name: String, _ set: (inout AdaptiveSettings) -> Void) {
            var settings = AdaptiveSettings()
            set(&settings)
            let error = #expect(throws: SettingError.self) { try settings.validate() }
            #expect(error?.description.contains(name) == true)
        }
        refused("recurrence is 0") { $0.recurrence = 0 }
        for bad in [Float.nan, -1, .infinity] { refused("exit threshold") { $0.exitThreshold = bad } }
        refused("minimum recurrence is 0") { $0.minRecurrence = 0 }
        refused("minimum recurrence is 33, more than the recurrence of 32") { $0.minRecurrence = 33 }
        refused("from check to check") { $0.checkEvery = 0 }
        refused("exit-gate adds up a probability for each recurrence") {
            $0.criterion = .exitGate
            $0.checkEvery = 2
        }
    }
}
