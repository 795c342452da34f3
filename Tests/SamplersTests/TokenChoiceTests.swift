import Foundation
import Samplers
import Testing

@Suite struct TokenChoiceTests {
    /// Logits whose softmax at temperature 1 is ½, ¼, ⅛, 1/16, 1/16 in shuffled order.
    private let logits = [0.125, 0.5, 0.0625, 0.25, 0.0625].map { Float(log($0)) }

    private func choose(_ logits: [Float], _ uniform: Double, seen: [Bool] = [], set: (inout TokenChoice) -> Void)
        -> Int32?
    {
        var choice = TokenChoice()
        set(&choice)
        return logits.withUnsafeBufferPointer { choice.choose(from: $0, seen: seen, uniform: uniform) }
    }

    /// The probability with which each token is chosen, to a thousandth.
    private func shares(_ logits: [Float], set: (inout TokenChoice) -> Void) -> [Double] {
        var counts = [Int](repeating: 0, count: logits.count)
        for step in 0..<1000 {
            guard let token = choose(logits, (Double(step) + 0.5) / 1000, set: set) else { return [] }
            counts[Int(token)] += 1
        }
        return counts.map { Double($0) / 1000 }
    }

    private func expectShares(_ found: [Double], _ expected: [Double]) {
        #expect(found.count == expected.count)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 0.0015, "\(found)") }
    }

    @Test func `greedy takes the largest logit, the smaller token of two equal ones, and no random number`() {
        #expect(choose([1, 5, 3], 0.9) { _ in } == 1)
        #expect(choose([1, 5, 5], 0.9) { _ in } == 1)
        #expect(choose([-.infinity, -3], 0.9) { _ in } == 1)
    }

    @Test func `temperature 1 samples the softmax; 2 samples its square root`() {
        expectShares(shares(logits) { $0.temperature = 1 }, [0.125, 0.5, 0.0625, 0.25, 0.0625])
        let roots = [0.125, 0.5, 0.0625, 0.25, 0.0625].map { $0.squareRoot() }
        expectShares(shares(logits) { $0.temperature = 2 }, roots.map { $0 / roots.reduce(0, +) })
    }

    @Test func `a temperature near 0 is greedy, without overflow`() {
        expectShares(shares(logits) { $0.temperature = .leastNonzeroMagnitude }, [0, 1, 0, 0, 0])
    }

    @Test func `top-k keeps the k most probable, of equal ones the smaller token`() {
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topK = 2
            }, [0, 2.0 / 3, 0, 1.0 / 3, 0])
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topK = 4
            },
            [0.125, 0.5, 0.0625, 0.25, 0].map { $0 / 0.9375 })
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topK = 99
            }, [0.125, 0.5, 0.0625, 0.25, 0.0625])
        expectShares(
            shares([1, 1, 1, 1]) {
                $0.temperature = 1; $0.topK = 1
            }, [1, 0, 0, 0])
    }

    @Test func `top-p keeps tokens until they reach p, the one that reaches it included`() {
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topP = 0.6
            }, [0, 2.0 / 3, 0, 1.0 / 3, 0])
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topP = 0.49
            }, [0, 1, 0, 0, 0])
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topP = 0
            }, [0, 1, 0, 0, 0])
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topP = 0.93
            },
            [0.125, 0.5, 0.0625, 0.25, 0].map { $0 / 0.9375 })
    }

    @Test func `min-p keeps tokens with at least its fraction of the largest probability`() {
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.minP = 0.2
            }, [0.125 / 0.875, 0.5 / 0.875, 0, 0.25 / 0.875, 0])
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.minP = 1
            }, [0, 1, 0, 0, 0])
    }

    @Test func `each filter is of the probabilities that the one before it has left, renormalized`() {
        // Top-k leaves ½ and ¼, which are ⅔ and ⅓. Top-p 0.6 is reached by the first alone, though ½ is less.
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topK = 2; $0.topP = 0.6
            }, [0, 1, 0, 0, 0])
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topK = 2; $0.topP = 0.7
            }, [0, 2.0 / 3, 0, 1.0 / 3, 0])
        // Top-k leaves ½, ¼ and ⅛. What min-p would drop counts for the sum of top-p: 0.85 of it needs all three.
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topK = 3; $0.topP = 0.86; $0.minP = 0.3
            }, [0, 2.0 / 3, 0, 1.0 / 3, 0])
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topK = 3; $0.topP = 0.85; $0.minP = 0.2
            }, [0, 2.0 / 3, 0, 1.0 / 3, 0])
        expectShares(
            shares(logits) {
                $0.temperature = 1; $0.topK = 3; $0.topP = 0.8; $0.minP = 0.6
            }, [0, 1, 0, 0, 0])
    }

    @Test func `top-k over many tokens agrees with sorting them all`() {
        let random = CounterRandom(seed: 5)
        // There are few distinct values, so that ties are common.
        let many = (0..<500).map { Float(random.integer(below: 40, .tokenChoice, position: $0, step: 0)) / 8 }
        let sorted = many.indices.sorted { (many[$0], $1) > (many[$1], $0) }
        for k in [1, 2, 7, 30] {
            let kept = Set(sorted.prefix(k).map { Int32($0) })
            for step in 0..<200 {
                let token = choose(many, (Double(step) + 0.5) / 200) {
                    $0.temperature = 3; $0.topK = k
                }
                #expect(token.map(kept.contains) == true)
            }
        }
    }

    @Test func `the repetition penalty lowers logits of either sign, of seen tokens only`() {
        #expect(choose([4, 3, 1], 0, seen: [true, false, false]) { $0.repetitionPenalty = 2 } == 1)
        #expect(choose([-1, -1.5, -9], 0, seen: [true, false, false]) { $0.repetitionPenalty = 2 } == 1)
        #expect(choose([4, 3, 1], 0, seen: [false, true, true]) { $0.repetitionPenalty = 2 } == 0)
    }

    @Test func `logits that are not numbers give no token`() {
        for bad in [Float.nan, .infinity] {
            #expect(choose([1, bad, 0], 0.5) { _ in } == nil)
            #expect(choose([1, bad, 0], 0.5) { $0.temperature = 1 } == nil)
        }
        #expect(choose([-.infinity, -.infinity], 0.5) { $0.temperature = 1 } == nil)
    }
}
