import Foundation

/// The angular frequencies of a rotary embedding (arXiv 2104.09864), in radians per position: `base^(−2j/D)` for pair j
/// of a head of D columns, scaled for contexts that are longer than those of the training.
///
/// They are computed in f32, as the published code of every model here does.
public struct RotaryFrequencies: Hashable, Sendable {
    /// θ, the base.
    public var base: Float
    /// The change for longer contexts; nil for none.
    public var scaling: RotaryScaling?

    public init(base: Float, scaling: RotaryScaling? = nil) {
        self.base = base
        self.scaling = scaling
    }

    /// The frequencies of `pairs` pairs of columns.
    public func values(pairs: Int) -> [Float] {
        let base = scaling?.base(self.base, dimension: 2 * pairs) ?? self.base
        let plain = (0..<pairs).map { pair in 1 / powf(base, Float(2 * pair) / Float(2 * pairs)) }
        guard let scaling else { return plain }
        return plain.enumerated().map { scaling.frequency($1, pair: $0, pairs: pairs, base: base) }
    }
}

/// A change of rotary frequencies for contexts that are longer than those of the training.
public struct RotaryScaling: Hashable, Sendable {
    /// The published methods, by the names that configuration files give them.
    public enum Method: String, Hashable, Sendable, CaseIterable {
        /// All frequencies divided by a factor (arXiv 2306.15595).
        case linear
        /// A base that grows with the length of the longest sequence.
        case dynamic
        /// Low frequencies divided by a factor, high ones kept, and a line between, as in Llama 3.1.
        case llama3
        /// Frequencies divided by a factor below a ramp over pairs (arXiv 2309.00071, section 3.2).
        case yarn

        /// The names of the method's numbers, in the order of the text form. `original` is the length of the sequences
        /// in training, and `length` the longest that the model is compiled for.
        public var parameters: [String] {
            switch self {
            case .linear: ["factor"]
            case .dynamic: ["factor", "original", "length"]
            case .llama3: ["factor", "low", "high", "original"]
            case .yarn: ["factor", "original", "fast", "slow"]
            }
        }
    }

    public var method: Method
    /// The numbers, by the names of ``Method/parameters``. All are above 0.
    public var numbers: [String: Float]

    public init(_ method: Method, _ numbers: [String: Float]) {
        self.method = method
        self.numbers = numbers
    }

    private func number(_ name: String) -> Float { numbers[name] ?? 1 }

    /// The base in place of `base`.
    func base(_ base: Float, dimension: Int) -> Float {
        switch method {
        case .linear, .llama3, .yarn: return base
        case .dynamic:
            let ratio = number("length") / number("original")
            guard ratio > 1, dimension > 2 else { return base }
            let factor = number("factor")
            return base * powf(factor * ratio - (factor - 1), Float(dimension) / Float(dimension - 2))
        }
    }

    /// The frequency in place of `plain`.
    func frequency(_ plain: Float, pair: Int, pairs: Int, base: Float) -> Float {
        let factor = number("factor")
        switch method {
        case .linear: return plain / factor
        case .dynamic: return plain
        case .llama3:
            let (low, high, original) = (number("low"), number("high"), number("original"))
            let wavelength = 2 * Float.pi / plain
            if wavelength > original / low { return plain / factor }
            if wavelength < original / high { return plain }
            let share = (original / wavelength - low) / (high - low)
            return (1 - share) * plain / factor + share * plain
        case .yarn:
            /// The pair that turns this many times over the original length.
            func place(ofRotations rotations: Float) -> Float {
                Float(pairs) * logf(number("original") / (rotations * 2 * .pi)) / logf(base)
            }
            let low = max(0, floorf(place(ofRotations: number("fast"))))
            let high = min(Float(2 * pairs - 1), ceilf(place(ofRotations: number("slow"))))
            let ramp = min(1, max(0, (Float(pair) - low) / max(high - low, 0.001)))
            return plain / factor * ramp + plain * (1 - ramp)
        }
    }
}
