// What the searches for scales ask of a run of weights: how far it is from its codes, and which scale suits them best.
// Eight numbers at a time, because a compilation asks this of every weight some twenty times.

/// Added to a number below 2²² and taken away again, it leaves the nearest integer, ties to even: the sum has no bits
/// below 1. Rounding functions are calls on machines without SSE 4.1; this is two additions.
private let roundingOffset: Float = 0x1.8p23

/// Runs of weights whose largest magnitude is below this become zeros: a factor from them to codes could overflow. Weights
/// that small change no sum.
let smallestQuantized: Float = 1e-35

extension SIMD8<Float> {
    fileprivate func rounded(to codes: ClosedRange<Float>) -> Self {
        ((self + roundingOffset) - roundingOffset)
            .clamped(lowerBound: Self(repeating: codes.lowerBound), upperBound: Self(repeating: codes.upperBound))
    }
}

extension UnsafeBufferPointer<Float> {
    /// The largest magnitude; NaN if any number is one.
    func largestMagnitude() -> Float {
        var largest: Float = 0
        for value in self {
            if value.isNaN { return .nan }
            largest = Swift.max(largest, abs(value))
        }
        return largest
    }

    /// Calls `body` with eight numbers at a time, the last time with zeros behind the last.
    private func forEachEight(_ body: (SIMD8<Float>) -> Void) {
        let whole = count / 8 * 8
        let bytes = UnsafeRawBufferPointer(self)
        for index in stride(from: 0, to: whole, by: 8) {
            body(bytes.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<Float>.self))
        }
        guard whole < count else { return }
        var last = SIMD8<Float>()
        for index in whole..<count { last[index - whole] = self[index] }
        body(last)
    }

    /// Σ (x − scale · code)², with the nearest code of each x.
    func squaredError(scale: Float, codes: ClosedRange<Float>) -> Double {
        let factor = 1 / scale
        var sum = SIMD8<Float>()
        forEachEight { values in
            let exact = values * factor
            let rest = exact - exact.rounded(to: codes)
            sum += rest * rest
        }
        return Double(sum.sum()) * Double(scale) * Double(scale)
    }

    /// The scale that is best for the codes that another scale gives: Σ x · code / Σ code².
    func leastSquaresScale(_ scale: Float, codes: ClosedRange<Float>) -> Float {
        let factor = 1 / scale
        var products = SIMD8<Double>()
        var squares = SIMD8<Double>()
        forEachEight { values in
            let code = SIMD8<Double>((values * factor).rounded(to: codes))
            products += SIMD8<Double>(values) * code
            squares += code * code
        }
        return squares.sum() > 0 ? Float(products.sum() / squares.sum()) : scale
    }

    /// Writes the nearest code of each number.
    func write(scale: Float, codes range: ClosedRange<Float>, into codes: UnsafeMutableBufferPointer<Int8>) {
        let factor = 1 / scale
        for index in indices {
            let nearest = (self[index] * factor + roundingOffset) - roundingOffset
            codes[index] = Int8(Swift.min(Swift.max(nearest, range.lowerBound), range.upperBound))
        }
    }
}
