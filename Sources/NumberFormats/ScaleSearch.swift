// The steps of a search for the scale of some weights: the distance of the weights from their codes, and the scale that suits
// codes best. A compilation takes them some twenty times for every weight, so the loops are plain ones over pointers, with
// partial sums that do not wait for each other.

/// Weights whose largest magnitude is below this become zeros, because a factor from them to codes could overflow. Weights
/// that small change no sum.
let smallestQuantized: Float = 1e-35

/// The nearest code, ties to even. Adding 1.5 · 2²³ to a number below 2²² leaves no bits below 1. This is faster than the
/// rounding functions, which are calls on machines without SSE 4.1.
@inline(__always)
private func nearest(_ exact: Float, _ lowest: Float, _ largest: Float) -> Float {
    let rounded = (exact + 0x1.8p23) - 0x1.8p23
    return rounded < lowest ? lowest : rounded > largest ? largest : rounded
}

/// The square of a number's distance from its nearest code.
@inline(__always)
private func squaredRest(_ exact: Float, _ lowest: Float, _ largest: Float) -> Float {
    let rest = exact - nearest(exact, lowest, largest)
    return rest * rest
}

extension UnsafeBufferPointer<Float> {
    /// The largest magnitude; NaN if any number is one.
    func largestMagnitude() -> Float {
        guard let numbers = baseAddress else { return 0 }
        var largest: Float = 0
        var index = 0
        while index < count {
            let magnitude = abs(numbers[index])
            if magnitude.isNaN { return .nan }
            largest = magnitude > largest ? magnitude : largest
            index &+= 1
        }
        return largest
    }

    /// Σ (x − scale · code)², with the nearest code of each x.
    func squaredError(scale: Float, codes: ClosedRange<Float>) -> Double {
        guard let numbers = baseAddress else { return 0 }
        let (factor, lowest, largest) = (1 / scale, codes.lowerBound, codes.upperBound)
        var (s0, s1, s2, s3): (Float, Float, Float, Float) = (0, 0, 0, 0)
        var index = 0
        while index &+ 4 <= count {
            s0 += squaredRest(numbers[index] * factor, lowest, largest)
            s1 += squaredRest(numbers[index &+ 1] * factor, lowest, largest)
            s2 += squaredRest(numbers[index &+ 2] * factor, lowest, largest)
            s3 += squaredRest(numbers[index &+ 3] * factor, lowest, largest)
            index &+= 4
        }
        while index < count {
            s0 += squaredRest(numbers[index] * factor, lowest, largest)
            index &+= 1
        }
        return Double((s0 + s1) + (s2 + s3)) * Double(scale) * Double(scale)
    }

    /// The scale that is best for the codes that another scale gives: Σ x · code / Σ code².
    func leastSquaresScale(_ scale: Float, codes: ClosedRange<Float>) -> Float {
        guard let numbers = baseAddress else { return scale }
        let (factor, lowest, largest) = (1 / scale, codes.lowerBound, codes.upperBound)
        var products = 0.0
        var squares = 0.0
        var index = 0
        while index < count {
            let code = Double(nearest(numbers[index] * factor, lowest, largest))
            products += Double(numbers[index]) * code
            squares += code * code
            index &+= 1
        }
        return squares > 0 ? Float(products / squares) : scale
    }

    /// Writes the nearest code of each number.
    func write(scale: Float, codes range: ClosedRange<Float>, into codes: UnsafeMutableBufferPointer<Int8>) {
        guard let numbers = baseAddress else { return }
        let (factor, lowest, largest) = (1 / scale, range.lowerBound, range.upperBound)
        var index = 0
        while index < count {
            codes[index] = Int8(nearest(numbers[index] * factor, lowest, largest))
            index &+= 1
        }
    }
}
