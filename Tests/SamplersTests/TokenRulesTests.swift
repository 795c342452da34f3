import Runtime
import Samplers
import Testing

/// Rules that forbid tokens, on a model whose logits fall with the distance from a number that can be worked out by hand
/// (``ContinuedModel``). From the prompt 1 its tokens are 2, 4, 8, 4, 8, 4, 8, ….
@Suite struct TokenRulesTests {
    private func generated(
        after prompt: [Int32] = [1], count: Int = 5, stops: [Int32] = [], _ set: (inout TokenRules) -> Void
    ) throws -> [Int32] {
        let model = ContinuedModel()
        var generation = GenerationSettings()
        generation.maxNewTokens = count
        generation.stopTokens = stops
        generation.initScale = 0
        set(&generation.rules)
        var settings = AutoregressiveSettings()
        settings.recurrence = 20
        let sampler = try Autoregressive(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        return try Generation.run([sampler], on: model) { _ in true }[0].generated
    }

    @Test func `without a rule the largest logit decides`() throws {
        #expect(try generated { _ in } == [2, 4, 8, 4, 8])
    }

    @Test func `a suppressed token is never chosen`() throws {
        // 1 + 1 is 2; 3 is the nearest of equals to it that is left. From 1 + 1 + 1 come 3, 6, 0, 0, ….
        #expect(try generated { $0.suppressed = [2, 99, 4] } == [1, 3, 6, 0, 0])
    }

    @Test func `a token suppressed at the begin may come later`() throws {
        #expect(try generated { $0.suppressedAtBegin = [2] } == [1, 3, 6, 0, 0])
        #expect(try generated(after: [1, 11]) { $0.suppressedAtBegin = [1] } == [0, 1, 2, 4, 8])
    }

    @Test func `no n tokens occur twice, those of the prompt included`() throws {
        // 8, 4 after 4, 8, 4 would be the second time; 7 is next to 8.
        #expect(try generated { $0.noRepeatNGram = 2 } == [2, 4, 8, 4, 7])
        #expect(try generated(after: [4, 8, 1, 4], count: 2) { $0.noRepeatNGram = 2 } == [6, 0])
        #expect(try generated(after: [8, 3, 8], count: 1) { $0.noRepeatNGram = 1 } == [7])
        #expect(try generated(after: [1], count: 1) { $0.noRepeatNGram = 1 } == [2])
    }

    @Test func `a forbidden sequence is never completed, and a stop token alone may not be forbidden`() throws {
        #expect(try generated { $0.forbiddenSequences = [[4, 8]] } == [2, 4, 7, 3, 6])
        #expect(try generated { $0.forbiddenSequences = [[1, 2], [9, 9, 9, 9, 9, 9, 9, 9]] }.first == 1)
        #expect(try generated { $0.forbiddenSequences = [[2]] }.first == 1)
        #expect(try generated(stops: [2]) { $0.forbiddenSequences = [[2]] } == [2])
    }

    @Test func `a stop token waits for the minimum of new tokens or of all`() throws {
        #expect(try generated(stops: [4]) { _ in } == [2, 4])
        #expect(try generated(stops: [4]) { $0.minNewTokens = 2 } == [2, 3, 7, 2, 4])
        #expect(try generated(stops: [4]) { $0.minNewTokens = 1 } == [2, 4])
        #expect(try generated(stops: [4]) { $0.minLength = 3 } == [2, 3, 7, 2, 4])
        #expect(try generated(stops: [4]) { $0.minLength = 2 } == [2, 4])
    }

    @Test func `forced tokens are the first after a prompt of one, and the last`() throws {
        #expect(try generated(count: 3) { $0.forcedFirst = 9 } == [9, 11, 10])
        #expect(try generated(after: [1, 0], count: 2) { $0.forcedFirst = 9 } == [2, 4])
        #expect(try generated(count: 3, stops: [9]) { $0.forcedLast = [9, 10] } == [2, 4, 9])
        // The token that is forced first is not the one that a suppression at the begin is for.
        #expect(
            try generated(count: 2) {
                $0.forcedFirst = 9; $0.suppressedAtBegin = [9, 11]
            } == [9, 10])
    }

    @Test func `rules that leave no token end the generation with a sentence about them`() throws {
        #expect { try generated { $0.suppressed = Array(0..<12) } } throws: { "\($0)".contains("rules") }
    }

    @Test func `rules out of range are refused`() throws {
        #expect(throws: SettingError.self) { try generated { $0.noRepeatNGram = -1 } }
        #expect(throws: SettingError.self) { try generated { $0.minNewTokens = -1 } }
        #expect(throws: SettingError.self) { try generated { $0.minLength = -1 } }
    }

    /// Diffusion forcing drafts many tokens in a step, each for the ones that the same step chooses before it.
    @Test(arguments: [FreezeRule.latentDiff, .tokenStability, .fixed], 0..<8)
    func `what diffusion forcing makes final obeys the rules`(rule: FreezeRule, seed: Int) throws {
        let model = ToyModel(context: 100)
        var settings = DiffusionSettings()
        settings.freezeRule = rule
        var generation = GenerationSettings()
        generation.maxNewTokens = 40
        generation.seed = UInt64(seed)
        generation.rules.noRepeatNGram = 2
        generation.rules.suppressed = [5]
        generation.rules.forbiddenSequences = [[3, 4], [2, 7]]
        let sampler = try DiffusionForcing(
            prompt: [3, 1, 2], settings: settings, generation: generation, shape: model.shape)
        let tokens = try Generation.run([sampler], on: model) { _ in true }[0].tokens
        let pairs = zip(tokens, tokens.dropFirst()).map { [$0, $1] }
        #expect(tokens.count >= 43)
        #expect(Set(pairs).count == pairs.count, "a pair occurs twice: \(tokens)")
        #expect(!tokens.dropFirst(3).contains(5))
        #expect(!pairs.contains([3, 4]) && !pairs.contains([2, 7]))
    }
}
