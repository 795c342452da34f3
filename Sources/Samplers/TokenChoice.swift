import Foundation

/// The rules by which a token is chosen from logits.
///
/// The order is: the repetition penalty on the logits, the temperature, the softmax, then top-k, top-p and min-p. Each
/// filter keeps some of the most probable tokens that the one before it has kept, with probabilities renormalized among
/// them. Ties go to the smaller id.
public struct TokenChoice: Hashable, Sendable, Codable {
    /// 0 chooses the token of the largest logit; otherwise logits are divided by this.
    public var temperature: Float = 0
    /// Keeps the k most probable tokens; 0 keeps all.
    public var topK = 0
    /// Keeps the most probable tokens until their probabilities reach this fraction of the sum of those that top-k has
    /// kept, the one that reaches it included. 1 keeps all.
    public var topP: Float = 1
    /// Keeps tokens with at least this fraction of the largest probability. 0 keeps all.
    public var minP: Float = 0
    /// Logits of tokens that the prompt or the generated text holds are divided by this if positive and multiplied by
    /// it if negative (the penalty of Keskar and others, arXiv 1909.05858, made to lower negative logits too).
    /// 1 changes nothing.
    public var repetitionPenalty: Float = 1

    public init() {}

    /// The choice of the largest logit, which a model can make without returning its logits.
    public static let greedy = TokenChoice()

    /// Whether the largest unchanged logit decides, so that no logits are needed.
    public var isArgmax: Bool { temperature == 0 && repetitionPenalty == 1 }

    /// - Throws: ``SettingError`` naming the first setting out of its range.
    public func validate() throws {
        try checkSetting("temperature", temperature, in: 0...Float.infinity)
        try checkSetting("top-k", topK, atLeast: 0)
        try checkSetting("top-p", topP, in: 0...1)
        try checkSetting("min-p", minP, in: 0...1)
        guard repetitionPenalty.isFinite, repetitionPenalty > 0 else {
            throw SettingError("The repetition penalty is \(repetitionPenalty); it has to be a finite number above 0.")
        }
    }

    /// Chooses from one row of logits.
    /// - Parameters:
    ///   - logits: one number for each token.
    ///   - seen: one flag for each token, for the repetition penalty; may be empty if that is 1.
    ///   - uniform: the random number in [0, 1) that decides; not evaluated if the temperature is 0.
    /// - Returns: nil if a logit is NaN or +∞, or all are −∞, so that there is no distribution to choose from.
    public func choose(
        from logits: UnsafeBufferPointer<Float>, seen: [Bool], uniform: @autoclosure () -> Double
    ) -> Int32? {
        guard repetitionPenalty != 1 else { return chooseUnpenalized(from: logits, uniform: uniform()) }
        // sampling.md, step T1.
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

    /// A token and its probability, up to a factor that is the same for all.
    private struct Candidate {
        var token: Int32
        var weight: Double
    }

    private func sample(_ logits: UnsafeBufferPointer<Float>, largest: Float, uniform: Double) -> Int32 {
        // sampling.md, step T2. The largest weight is exactly 1. In double, because dividing by a tiny temperature
        // overflows a float.
        let weights = logits.map { exp((Double($0) - Double(largest)) / Double(temperature)) }
        let total = weights.reduce(0, +)
        guard topK > 0 || topP < 1 || minP > 0 else {
            return draw(weights.indices.lazy.map { Candidate(token: Int32($0), weight: weights[$0]) }, total, uniform)
        }

        // sampling.md, step T3. Without top-k, tokens with a probability below (1 − p)/V hold less than 1 − p together.
        // The others reach p without them, so they need no sorting, and neither do those that min-p drops. The factor
        // keeps a token at the very limit from being lost to rounding.
        let outside = topP < 1 ? Double(1 - topP) * total / Double(weights.count) * 0.999 : 0
        var floor = topK > 0 ? 0 : max(outside, Double(minP))
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
            let whole = topK > 0 ? kept.reduce(0) { $0 + $1.weight } : total
            var sum = 0.0
            let reaching = kept.firstIndex { candidate in
                sum += candidate.weight
                return sum >= Double(topP) * whole
            }
            if let reaching { kept.removeSubrange((reaching + 1)...) }
        }
        kept.removeAll { $0.weight < Double(minP) }
        return draw(kept, kept.reduce(0) { $0 + $1.weight }, uniform)
    }

    /// Sorts by falling weight, then rising token, and drops what top-k drops.
    private func keepTopK(_ candidates: inout [Candidate]) {
        candidates.sort { $0.weight > $1.weight || ($0.weight == $1.weight && $0.token < $1.token) }
        if topK > 0, candidates.count > topK { candidates.removeSubrange(topK...) }
    }

    /// The candidate into whose share of the total weight the random number falls (sampling.md, step T4).
    private func draw(_ candidates: some Sequence<Candidate>, _ total: Double, _ uniform: Double) -> Int32 {
        var remaining = uniform * total
        var last: Int32 = 0
        for candidate in candidates where candidate.weight > 0 {
            last = candidate.token
            remaining -= candidate.weight
            if remaining < 0 { break }
        }
        // Rounding can leave a remainder, which goes to the last candidate.
        return last
    }
}
