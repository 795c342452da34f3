import Foundation

/// The probabilities of all tokens and their logarithms, in double precision.
struct TokenDistribution: Hashable, Sendable {
    let probabilities: [Double]
    let logarithms: [Double]

    /// The softmax of logits.
    init(logits: [Float]) {
        let largest = Double(logits.max() ?? 0)
        let logNormalizer = log(logits.reduce(0) { $0 + exp(Double($1) - largest) }) + largest
        logarithms = logits.map { Double($0) - logNormalizer }
        probabilities = logarithms.map { exp($0) }
    }

    /// Weights divided by their sum.
    private init(weights: [Double]) {
        let total = weights.reduce(0, +)
        probabilities = weights.map { $0 / total }
        logarithms = probabilities.map { log($0) }
    }

    /// In nats.
    var entropy: Double {
        -zip(probabilities, logarithms).reduce(0) { $1.0 > 0 ? $0 + $1.0 * $1.1 : $0 }
    }

    /// The Kullback-Leibler divergence KL(self ‖ other), in nats.
    func divergence(from other: TokenDistribution) -> Double {
        let divergence = probabilities.indices.reduce(0) { sum, token in
            let probability = probabilities[token]
            return probability > 0 ? sum + probability * (logarithms[token] - other.logarithms[token]) : sum
        }
        // Rounding can leave that of two equal distributions below 0. NaN stays.
        return max(divergence, 0)
    }

    /// The distribution in which every probability under a tenth of the largest is replaced by 1 / V, renormalized.
    var levelled: TokenDistribution {
        let floor = (probabilities.max() ?? 0) / 10
        return TokenDistribution(
            weights: probabilities.map { $0 < floor ? 1 / Double(probabilities.count) : $0 })
    }
}
