import Runtime
import Samplers
import Testing

/// The invariants I1 … I4 in the documentation of ``DiffusionForcing``, between every two calls.
@Suite struct DiffusionInvariantTests {
    struct Variation: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change: @Sendable (inout DiffusionSettings) -> Void
    }

    static let variations = [
        Variation(testDescription: "defaults") { _ in },
        Variation(testDescription: "without prefill") { $0.prefill = false },
        Variation(testDescription: "narrow wavefront") { $0.maxWavefront = 3 },
        Variation(testDescription: "headway 4, warm start") { ($0.headway, $0.warmStart) = (4, true) },
        Variation(testDescription: "token stability") { $0.freezeRule = .tokenStability },
        Variation(testDescription: "fixed rule, narrow wavefront") { ($0.freezeRule, $0.maxWavefront) = (.fixed, 5) },
    ]

    @Test(arguments: variations)
    func `the invariants hold between calls`(variation: Variation) throws {
        var settings = DiffusionSettings()
        settings.recurrence = 16
        settings.stateNoise = 0.1
        variation.change(&settings)
        var generation = GenerationSettings()
        generation.maxNewTokens = 24
        generation.stopTokens = [5]
        let model = ToyModel(context: 48)
        var sampler = try DiffusionForcing(
            prompt: [3, 1, 2], settings: settings, generation: generation, shape: model.shape)
        var finalCount = sampler.tokens.count
        while let call = sampler.nextCall() {
            if call.function == .step {
                #expect(call.start + call.tokens.count == sampler.draftedTokens.count, "I1")
                #expect(sampler.start <= sampler.tokens.count - 1, "I3")
                if sampler.tokens.count > finalCount { #expect(sampler.start == sampler.tokens.count - 1, "I3") }
                #expect((1...max(settings.maxWavefront, 2)).contains(call.tokens.count), "I4")
            }
            #expect(Array(sampler.draftedTokens.prefix(sampler.tokens.count)) == sampler.tokens, "I2")
            finalCount = sampler.tokens.count
            let result = try model.answer(call)
            _ = try sampler.receive(result, of: call)
        }
        #expect(sampler.finishReason != nil)
    }
}
