import Foundation
import Runtime
import Samplers
import Testing

/// The criteria of adaptive depth on numbers for which the value can be worked out by hand.
@Suite struct ExitCriterionTests {
    private static func states(_ state: [Float], before: [Float], width: Int = 2) -> ExitCheck {
        ExitCheck(states: Latents(width: width, values: state), previousStates: Latents(width: width, values: before))
    }

    private static func logits(_ logits: [Float], before: [Float]?, previousValue: Float? = nil) -> ExitCheck {
        let state = Latents(width: 1, values: [1])
        return ExitCheck(
            states: state, previousStates: state, logits: logits, previousLogits: before, previousValue: previousValue)
    }

    /// Logits whose softmax is the given distribution.
    private static func logs(_ probabilities: Float...) -> [Float] { probabilities.map { log($0) } }

    @Test func `names and default thresholds are those of the reference`() {
        let expected: [(String, Float, Bool)] = [
            ("latent-diff", 0.03, false), ("cosine", 1e-3, false), ("entropy-diff", 1e-3, true), ("kl", 1e-3, true),
            ("minp-kl", 1e-5, true), ("argmax-stability", 5, true), ("exit-gate", 1, false),
        ]
        let found = ExitCriterion.allCases.map { ($0.rawValue, $0.defaultThreshold, $0.readsLogits) }
        #expect(found.elementsEqual(expected, by: ==))
    }

    @Test func `latent-diff is the length of the change, relative to the state's`() {
        #expect(ExitCriterion.latentDiff.value(of: Self.states([3, 4], before: [3, 0])) == 0.8)
        #expect(ExitCriterion.latentDiff.value(of: Self.states([3, 4], before: [0, 0])) == 1)
    }

    @Test func `cosine is 1 less the cosine of the angle`() {
        #expect(ExitCriterion.cosine.value(of: Self.states([3, 4], before: [4, 3])) == 0.04)
        #expect(ExitCriterion.cosine.value(of: Self.states([2, 0], before: [0, 5])) == 1)
        #expect(ExitCriterion.cosine.value(of: Self.states([2, 0], before: [5, 0])) == 0)
    }

    @Test func `a prompt's value is the mean over its positions, and logits are the last position's`() {
        let prompt = Self.states([3, 4, 3, 4], before: [3, 0, 0, 0])
        #expect(ExitCriterion.latentDiff.value(of: prompt) == 0.9)
        let turned = Self.states([3, 4, 1, 0], before: [4, 3, 0, 1])
        #expect(ExitCriterion.cosine.value(of: turned) == 0.52)
    }

    @Test func `entropy-diff is the change of the entropy, from 100 at first`() {
        let half = Self.logs(0.5, 0.5)
        let first = ExitCriterion.entropyDiff.value(of: Self.logits(half, before: nil))
        #expect(abs(first - (100 - log(2))) < 1e-5)
        // The entropy of (3/4, 1/4) is log 4 − 3/4 log 3.
        let value = ExitCriterion.entropyDiff.value(of: Self.logits(Self.logs(0.75, 0.25), before: half))
        #expect(abs(value - (log(2) - (log(4) - 0.75 * log(3)))) < 1e-6)
        #expect(ExitCriterion.entropyDiff.value(of: Self.logits([7, 5, 3], before: [3, 5, 7])) < 1e-6)
    }

    @Test func `kl is the divergence of the new distribution from the old one, which is uniform at first`() {
        let first = ExitCriterion.kl.value(of: Self.logits(Self.logs(0.75, 0.25), before: nil))
        #expect(abs(first - 0.5 * log(4 / 3)) < 1e-6)
        // The two directions differ, and it is that from the previous to the current.
        let value = ExitCriterion.kl.value(of: Self.logits(Self.logs(0.5, 0.5), before: Self.logs(0.75, 0.25)))
        #expect(abs(value - (0.75 * log(1.5) + 0.25 * log(0.5))) < 1e-6)
        #expect(ExitCriterion.kl.value(of: Self.logits([1, 2, 3], before: [11, 12, 13])) < 1e-6)
    }

    @Test func `minp-kl levels the improbable tokens, then renormalizes all`() {
        // 0.05 … 0.02 are under 0.09, and become 1/4 each: the sum is 1.65.
        let first = ExitCriterion.minPKL.value(of: Self.logits(Self.logs(0.9, 0.05, 0.03, 0.02), before: nil))
        let expected = 0.25 * log(0.25 / (0.9 / 1.65)) + 0.75 * log(Float(1.65))
        #expect(abs(first - expected) < 1e-6)
        // The order of the improbable ones does not matter to it, and it does to kl.
        let (new, old) = (Self.logs(0.9, 0.05, 0.03, 0.02), Self.logs(0.9, 0.02, 0.03, 0.05))
        #expect(abs(ExitCriterion.minPKL.value(of: Self.logits(new, before: old))) < 1e-7)
        #expect(ExitCriterion.kl.value(of: Self.logits(new, before: old)) > 0.01)
    }

    @Test func `argmax-stability counts the checks that left the largest logit where it was`() {
        func value(_ logits: [Float], _ before: [Float]?, _ previous: Float?) -> Float {
            ExitCriterion.argmaxStability.value(of: Self.logits(logits, before: before, previousValue: previous))
        }
        #expect(value([1, 2], nil, nil) == 0)
        #expect(value([1, 2], [0, 9], 0) == 1)
        #expect(value([1, 2], [0, 9], 4) == 5)
        #expect(value([1, 2], [9, 0], 4) == 0)
        // Of equal logits the first is the largest, as in the choice of a token.
        #expect(value([2, 2], [3, 1], 1) == 2)
    }

    @Test func `exit-gate is the probability of ending by now`() {
        func value(_ gate: Float?, _ previous: Float?) -> Float {
            let state = Latents(width: 1, values: [1])
            return ExitCriterion.exitGate.value(
                of: ExitCheck(states: state, previousStates: state, previousValue: previous, exitGate: gate))
        }
        #expect(value(0.25, nil) == 0.25)
        // Whoever has not ended with a probability of 3/4 ends now with 1/4.
        #expect(value(0.25, 0.25) == 0.4375)
        #expect(value(1, 0.4375) == 1 && value(0, 0.4375) == 0.4375)
        // The last recurrence has no gate: everything ends there.
        #expect(value(nil, 0.4375) == 1)
    }

    @Test func `values below the threshold stop, for argmax-stability and exit-gate those that reach it`() {
        for criterion in ExitCriterion.allCases where ![.argmaxStability, .exitGate].contains(criterion) {
            #expect(criterion.isMet(0.009, threshold: 0.01))
            #expect(!criterion.isMet(0.01, threshold: 0.01))
            #expect(!criterion.isMet(.nan, threshold: 0.01))
        }
        #expect(ExitCriterion.argmaxStability.isMet(5, threshold: 5))
        #expect(!ExitCriterion.argmaxStability.isMet(4, threshold: 5))
        #expect(ExitCriterion.exitGate.isMet(0.5, threshold: 0.5))
        #expect(
            !ExitCriterion.exitGate.isMet(0.49, threshold: 0.5) && !ExitCriterion.exitGate.isMet(.nan, threshold: 0.5))
        // A sum that rounding has brought to 1 ends nothing.
        #expect(!ExitCriterion.exitGate.isMet(1, threshold: 1) && !ExitCriterion.exitGate.isMet(2, threshold: 1.5))
    }

    @Test func `a zero state has no direction, so that cosine does not stop there`() {
        let value = ExitCriterion.cosine.value(of: Self.states([1, 1], before: [0, 0]))
        #expect(value.isNaN)
        #expect(!ExitCriterion.cosine.isMet(value, threshold: 1))
    }
}
