import Runtime
import Samplers
import Testing

/// Self-speculative decoding on a model whose token after t recurrences from zero is the nearest whole number to
/// e (1 − 2^−t). From the prompt 1, tokens at full depth are 2, 4, 8, 4, 8, 4, 8, …. After 3 recurrences 4 is right (3.5
/// rounds to it) and 8 is wrong (7); after 4 recurrences both are right.
@Suite struct SpeculativeTests {
    private static func generate(
        _ prompt: [Int32], _ settings: SpeculativeSettings, _ generation: GenerationSettings,
        on model: any RecurrentModel, onRecord: (StepRecord) -> Void = { _ in }
    ) throws -> Speculative {
        let sampler = try Speculative(prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        let ended = try Generation.run([sampler], on: model) { event in
            if let record = event.record { onRecord(record) }
            return true
        }
        return try #require(ended[0] as? Speculative)
    }

    private static func settings(r: Int = 6, draft: Int, lookahead: Int = 3, accept: Float = 1) -> SpeculativeSettings {
        var settings = SpeculativeSettings()
        settings.recurrence = r
        settings.draftRecurrence = draft
        settings.lookahead = lookahead
        settings.acceptThreshold = accept
        return settings
    }

    private static func fromZero(count: Int) -> GenerationSettings {
        var generation = GenerationSettings()
        generation.maxNewTokens = count
        generation.initScale = 0
        return generation
    }

    // MARK: Runs that can be worked out by hand

    @Test func `a refused draft is replaced by the verifier's token, and those after it are dropped`() throws {
        let model = ContinuedModel()
        var records: [StepRecord] = []
        let sampler = try Self.generate([1], Self.settings(draft: 3), Self.fromZero(count: 5), on: model) {
            records.append($0)
        }
        // Drafts 4, 7 and (from 1 + 1 + 2 + 4 + 7 = 15, modulo 12, 3) 3: 4 is accepted and 8 replaces 7.
        #expect(sampler.generated == [2, 4, 8, 4, 8])
        #expect(sampler.finishReason == .length)
        // The second step drafts no more than the 2 tokens that were asked for.
        #expect(sampler.statistics.drafts == 5 && sampler.statistics.restarts == 2)
        let names = model.calls.map { "\($0.function).\($0.head)" }
        let draft = "decode.token"
        #expect(names == ["prefill.token", draft, draft, draft, "resume.token", draft, draft, "resume.token"])
        let verifications = model.calls.filter { $0.function == .resume }
        #expect(verifications.map(\.tokens) == [[2, 4, 7], [8, 4]])
        #expect(verifications.map(\.positions) == [[1, 2, 3], [3, 4]])
        #expect(verifications.allSatisfy { $0.recurrences == 3 && Set($0.depths) == [3] })
        #expect(records.map(\.frozen) == [4, 6])
        #expect(records.map(\.start) == [1, 3])
        #expect(records.map(\.recurrences.count) == [4, 5])
        #expect(sampler.statistics.steps == 2)
        #expect(sampler.statistics.recurrences == 6 + 3 * 3 + 3 + 2 * 3 + 3)
        #expect(sampler.statistics.tokensForwarded == 1 + 3 + 2)
    }

    @Test func `if all drafts are accepted nothing is added`() throws {
        let model = ContinuedModel()
        var records: [StepRecord] = []
        let sampler = try Self.generate([1], Self.settings(draft: 4), Self.fromZero(count: 7), on: model) {
            records.append($0)
        }
        #expect(sampler.generated == [2, 4, 8, 4, 8, 4, 8])
        #expect(records.map(\.frozen) == [5, 8])
        #expect(sampler.statistics.drafts == 6 && sampler.statistics.restarts == 0)
    }

    @Test func `a threshold below 1 accepts a draft by its probability at full depth`() throws {
        // The state 7.875 at full depth gives logits −0.25 for 8 and −1.75 for the draft 7: a ratio of e^−1.5 = 0.223.
        let strict = try Self.generate(
            [1], Self.settings(draft: 3, lookahead: 2, accept: 0.23), Self.fromZero(count: 3), on: ContinuedModel())
        #expect(strict.generated == [2, 4, 8])
        let lax = try Self.generate(
            [1], Self.settings(draft: 3, lookahead: 2, accept: 0.22), Self.fromZero(count: 3), on: ContinuedModel())
        #expect(lax.generated == [2, 4, 7])
        #expect(strict.statistics.restarts == 1 && lax.statistics.restarts == 0)
    }

    @Test func `nothing is drafted after a stop token, the last token or the end of the context`() throws {
        var stopping = Self.fromZero(count: 20)
        stopping.stopTokens = [8]
        let stopped = ContinuedModel()
        let sampler = try Self.generate([1], Self.settings(draft: 4, lookahead: 9), stopping, on: stopped)
        #expect(sampler.generated == [2, 4, 8])
        #expect(sampler.finishReason == .stop)
        #expect(stopped.calls.flatMap(\.positions).max() == 2)
        let full = ContinuedModel(context: 5)
        let context = try Self.generate([1], Self.settings(draft: 4, lookahead: 9), Self.fromZero(count: 20), on: full)
        #expect(context.tokens == [1, 2, 4, 8, 4])
        #expect(context.finishReason == .context)
        #expect(full.calls.flatMap(\.positions).max() == 3)
        let none = ContinuedModel()
        #expect(try Self.generate([1], Self.settings(draft: 1), Self.fromZero(count: 0), on: none).tokens == [1])
        #expect(none.calls.isEmpty)
    }

    @Test func `a wrongly drafted stop token does not end the text, and a verified one does`() throws {
        var generation = Self.fromZero(count: 4)
        generation.stopTokens = [7]
        // The draft of 8 is 7, a stop token, and is refused.
        let wrong = try Self.generate([1], Self.settings(draft: 3), generation, on: ContinuedModel())
        #expect(wrong.generated == [2, 4, 8, 4])
        #expect(wrong.finishReason == .length)
        generation.stopTokens = [8]
        let verified = try Self.generate([1], Self.settings(draft: 3), generation, on: ContinuedModel())
        #expect(verified.generated == [2, 4, 8])
        #expect(verified.finishReason == .stop)
    }

    // MARK: Equality

    @Test(arguments: 0..<200)
    func `with threshold 1 the tokens are those of autoregressive decoding`(_ seed: Int) throws {
        let random = RandomCase(seed)
        let r = random.number(1...9, 0)
        let settings = Self.settings(r: r, draft: random.number(1...r, 1), lookahead: random.number(1...6, 2))
        let generation = random.generation()
        let prompt = random.prompt(vocabulary: 12)
        let (model, plain) = (ContinuedModel(context: 24), ContinuedModel(context: 24))
        let found = try Self.generate(prompt, settings, generation, on: model)
        var autoregressive = AutoregressiveSettings()
        autoregressive.recurrence = r
        let expected = try Generation.run(
            [Autoregressive(prompt: prompt, settings: autoregressive, generation: generation, shape: plain.shape)],
            on: plain)[0]
        #expect(found.tokens == expected.tokens, "\(settings)")
        #expect(found.finishReason == expected.finishReason)
        #expect(found.statistics.steps <= expected.statistics.steps)
    }

    // MARK: Settings

    @Test func `settings out of range are refused by name`() {
        func refused(_ name: String, _ set: (inout SpeculativeSettings) -> Void) {
            var settings = SpeculativeSettings()
            set(&settings)
            let error = #expect(throws: SettingError.self) { try settings.validate() }
            #expect(error?.description.contains(name) == true)
        }
        refused("recurrence is 0") { $0.recurrence = 0 }
        refused("draft recurrence is 0") { $0.draftRecurrence = 0 }
        refused("draft recurrence is 33, more than the verifier's recurrence of 32") { $0.draftRecurrence = 33 }
        refused("lookahead") { $0.lookahead = 0 }
        for bad in [Float.nan, -0.1, 1.1] { refused("accept threshold") { $0.acceptThreshold = bad } }
    }
}
