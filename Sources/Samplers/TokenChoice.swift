import Foundation

/// How a token is chosen from logits.
///
/// The order: the repetition penalty on the logits, the temperature, the softmax, then the filters. Each of top-k, top-p
/// and min-p keeps a number of the most probable tokens, ties going to the smaller id; the smallest number holds. What is
/// kept is renormalised once, at the end.
public struct TokenChoice: Hashable, Sendable, Codable {
    /// 0 chooses the token of the largest logit; otherwise logits are divided by this.
    public var temperature: Float = 0
    /// Keeps the k most probable tokens; 0 keeps all.
    public var topK = 0
    /// Keeps the most probable tokens until their probabilities reach this sum, the one that reaches it included.
    /// 1 keeps all.
    public var topP: Float = 1
    /// Keeps tokens with at least this fraction of the largest probability. 0 keeps all.
    public var minP: Float = 0
    /// Logits of tokens that the prompt or the generated text holds are divided by this when positive and multiplied by
    /// it when negative (the penalty of Keskar and others, arXiv 1909.05858, made to lower negative logits too).
    /// 1 changes nothing.
    public var repetitionPenalty: Float = 1

    public init() {}

    /// The token of the largest logit, which a model can return without its logits.
    public static let greedy = TokenChoice()

    /// Whether the largest unchanged logit decides, so that no logits are needed.
    public var isArgmax: Bool { temperature == 0 && repetitionPenalty == 1 }

    /// - Throws: ``SamplerError`` naming the first setting out of its range.
    public func validate() throws {
        try checkSetting("temperature", temperature, in: 0...Float.infinity)
        try checkSetting("top-k", topK, atLeast: 0)
        try checkSetting("top-p", topP, in: 0...1)
        try checkSetting("min-p", minP, in: 0...1)
        guard repetitionPenalty.isFinite, repetitionPenalty > 0 else {
            throw SamplerError("The repetition penalty is \(repetitionPenalty); it has to be a finite number above 0.")
        }
    }

    /// Chooses from one row of logits.
    /// - Parameters:
    ///   - logits: one number a token.
    ///   - seen: one flag a token, for the repetition penalty; may be empty when that is 1.
    ///   - uniform: the random number in [0, 1) that decides; not evaluated when the temperature is 0.
    /// - Returns: nil when a logit is NaN or +∞, or all are −∞, so that there is no distribution to choose from.
    public func choose(
        from logits: UnsafeBufferPointer<Float>, seen: [Bool], uniform: @autoclosure () -> Double
    ) -> Int32? {
        guard repetitionPenalty != 1 else { return chooseUnpenalized(from: logits, uniform: uniform()) }
        var penalized = Array(logits)
        for token in 0..<min(seen.count, penalized.count) where seen[token] {
            let logit = penalized[token]
            penalized[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty
        }
        return penalized.withUnsafeBufferPointer { chooseUnpenalized(from: $0, uniform: uniform()) }
    }

    private func chooseUnpenalized(
        from logits: UnsafeBufferPointer<Float>, uniform: @autoclosure () -> Double
    ) -> Int32? {
        var largest = -Float.infinity
        var best = 0
        var sound = true
        for token in 0..<logits.count {
            let logit = logits[token]
            sound = sound && logit < .infinity
            if logit > largest {
                largest = logit
                best = token
            }
        }
        guard sound, largest > -.infinity else { return nil }
        return temperature > 0 ? sample(logits, largest: largest, uniform: uniform()) : Int32(best)
    }

    /// A token and its probability, up to a factor that all share.
    private struct Candidate {
        var token: Int32
        var weight: Double
    }

    private func sample(_ logits: UnsafeBufferPointer<Float>, largest: Float, uniform: Double) -> Int32 {
        // The largest weight is exactly 1. In double, since dividing by a tiny temperature overflows a float.
        let weights = logits.map { exp((Double($0) - Double(largest)) / Double(temperature)) }
        let total = weights.reduce(0, +)
        guard topK > 0 || topP < 1 || minP > 0 else {
            return draw(weights.indices.lazy.map { Candidate(token: Int32($0), weight: weights[$0]) }, total, uniform)
        }

        // Tokens with a probability below (1 − p)/V hold less than 1 − p together, so the others reach p without them and
        // they need no sorting. The factor keeps a token at the very limit from being lost to rounding.
        let outside = topP < 1 ? Double(1 - topP) * total / Double(weights.count) * 0.999 : 0
        var floor = max(outside, Double(minP))
        var kept: [Candidate] = []
        for (token, weight) in weights.enumerated() where weight >= floor && weight > 0 {
            kept.append(Candidate(token: Int32(token), weight: weight))
            if topK > 0, kept.count >= 2 * topK {
                keepTopK(&kept)
                floor = max(floor, kept[topK - 1].weight)
            }
        }
        keepTopK(&kept)
        if topP < 1 {
            var sum = 0.0
            let reaching = kept.firstIndex { candidate in
                sum += candidate.weight
                return sum >= Double(topP) * total
            }
            if let reaching { kept.removeSubrange((reaching + 1)...) }
        }
        return draw(kept, kept.reduce(0) { $0 + $1.weight }, uniform)
    }

    /// Sorts by falling weight, then rising token, and drops what top-k drops.
    private func keepTopK(_ candidates: inout [Candidate]) {
        candidates.sort { $0.weight > $1.weight || ($0.weight == $1.weight && $0.token < $1.token) }
        if topK > 0, candidates.count > topK { candidates.removeSubrange(topK...) }
    }

    /// The candidate within which `uniform` · `total` falls, going through them in order.
    private func draw(_ candidates: some Sequence<Candidate>, _ total: Double, _ uniform: Double) -> Int32 {
        var remaining = uniform * total
        var last: Int32 = 0
        for candidate in candidates where candidate.weight > 0 {
            last = candidate.token
            remaining -= candidate.weight
            if remaining < 0 { break }
        }
        // What rounding leaves beyond the end belongs to the last one.
        return last
    }
}
