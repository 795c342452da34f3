import Runtime

/// The source of fresh latent states s0: a normal distribution, truncated at three standard deviations ("like-init" in
/// arXiv 2502.05171, section 3).
public struct InitialStates: Hashable, Sendable {
    /// E, the width of the model.
    public let width: Int
    /// The standard deviation before the truncation; 0 gives zeros, which makes runs comparable across implementations.
    public let deviation: Float
    private let random: CounterRandom

    public init(width: Int, deviation: Float, seed: UInt64) {
        self.width = width
        self.deviation = deviation
        self.random = CounterRandom(seed: seed)
    }

    /// The states of a model's sequences.
    public init(_ shape: ModelShape, _ generation: GenerationSettings) {
        self.init(
            width: shape.width, deviation: generation.initScale * shape.stateDeviation, seed: generation.seed)
    }

    /// Fresh states (positions, E) for `purpose` at `step`; each row depends on its own position alone.
    public func states(_ purpose: CounterRandom.Purpose, positions: Range<Int>, step: Int) -> Latents {
        guard deviation != 0, width > 0 else { return .zeros(rows: positions.count, width: width) }
        let values = [Float](unsafeUninitializedCapacity: positions.count * width) { buffer, count in
            for (row, position) in positions.enumerated() {
                let target = UnsafeMutableBufferPointer(rebasing: buffer[row * width..<(row + 1) * width])
                random.fillTruncatedNormal(target, purpose, position: position, step: step, factor: deviation)
            }
            count = positions.count * width
        }
        return Latents(width: width, values: values)
    }
}

extension CounterRandom {
    /// Fills `target` with `factor` times standard normals truncated at ±3. Element 16g + 4w + l is word w of block
    /// 4g + l, an order chosen for vector arithmetic; it is part of what a seed means.
    func fillTruncatedNormal(
        _ target: UnsafeMutableBufferPointer<Float>, _ purpose: Purpose, position: Int, step: Int, factor: Float
    ) {
        let lane = Lanes(0, 1, 2, 3)
        for start in stride(from: 0, to: target.count, by: 16) {
            var words = (
                lane &+ Lanes(repeating: UInt64(start / 4)),
                Lanes(repeating: UInt64(UInt32(truncatingIfNeeded: position))),
                Lanes(repeating: UInt64(UInt32(truncatingIfNeeded: step))),
                Lanes(repeating: UInt64(purpose.rawValue))
            )
            Self.philox(&words, seed: seed)
            let bits = SIMD16<UInt32>(
                lowHalf: SIMD8(
                    lowHalf: SIMD4(truncatingIfNeeded: words.0), highHalf: SIMD4(truncatingIfNeeded: words.1)),
                highHalf: SIMD8(
                    lowHalf: SIMD4(truncatingIfNeeded: words.2), highHalf: SIMD4(truncatingIfNeeded: words.3)))
            let values = truncatedNormalQuantile(bits) * factor
            if start + 16 <= target.count {
                UnsafeMutableRawBufferPointer(target).storeBytes(
                    of: values, toByteOffset: start * MemoryLayout<Float>.stride, as: SIMD16<Float>.self)
            } else {
                for element in start..<target.count { target[element] = values[element - start] }
            }
        }
    }
}

/// Maps uniform words to standard normals truncated at ±3, by the inverse of their distribution function.
///
/// With u uniform in (−1, 1) the quantile is √2 · erfinv(u · K), K = erf(3/√2). As in Giles ("Approximating the erfinv
/// function", GPU Computing Gems 2, 2011) it is u times a polynomial in w = −log(1 − (uK)²). Both polynomials were
/// fitted by least squares at Chebyshev points of their ranges, w in 0 … 5.2228 and mantissas in 2/3 … 4/3. The result
/// is within 4e-6 of the exact quantile.
@inline(__always)
private func truncatedNormalQuantile(_ words: SIMD16<UInt32>) -> SIMD16<Float> {
    typealias Vector = SIMD16<Float>
    typealias Bits = SIMD16<Int32>
    // 24 bits, centred: the ends ±1 cannot occur.
    let centred = Bits(truncatingIfNeeded: words &>> SIMD16(repeating: 8)) &- Bits(repeating: 1 << 23)
    let u = (Vector(centred) + 0.5) * Float(0x1p-23)
    let x = u * 0.99730020

    // log(y): the exponent that brings the mantissa into 2/3 … 4/3 (0x3F2AAAAB is 2/3), and a polynomial in mantissa −
    // 1.
    let y = (1 - x) * (1 + x)
    let bits = unsafeBitCast(y, to: Bits.self)
    let exponent = (bits &- Bits(repeating: 0x3F2A_AAAB)) &>> Bits(repeating: 23)
    let m = unsafeBitCast(bits &- (exponent &<< Bits(repeating: 23)), to: Vector.self) - 1
    var logarithm = m * -0.15403156 + 0.17111227
    logarithm = logarithm * m - 0.16412799
    logarithm = logarithm * m + 0.19795030
    logarithm = logarithm * m - 0.25008026
    logarithm = logarithm * m + 0.33337989
    logarithm = logarithm * m - 0.49999931
    logarithm = logarithm * m + 0.99999982
    let w = -(logarithm * m + Vector(exponent) * 0.69314718)

    var quantile = w * 2.2162425e-08 + 3.0878820e-08
    quantile = quantile * w - 9.1774491e-06
    quantile = quantile * w + 1.0812613e-04
    quantile = quantile * w - 2.6117908e-04
    quantile = quantile * w - 3.2101015e-03
    quantile = quantile * w + 1.6246598e-02
    quantile = quantile * w + 0.32723933
    quantile = quantile * w + 1.2499301
    return quantile * u
}
