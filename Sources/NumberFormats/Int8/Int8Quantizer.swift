/// Chooses the scale and codes of an output of an int8 matrix: those with which code · scale is nearest to the row in the
/// sum of squares, of a small search. The same row always gives the same result.
public enum Int8Quantizer {
    /// The largest code; the smallest is its negative.
    static let largest: Float = 127

    /// The search begins with the scale that reaches the row's largest magnitude and shortens it by this much a step. A row
    /// of a few thousand normal numbers is best at one of the first steps, one with outliers a little later.
    private static let shortening: Float = 1 / 64
    private static let steps = 16
    /// Errors grow quickly once too much of a row is clipped; a candidate so much worse than the best ends the search.
    private static let hopeless = 1.5

    /// - Parameters:
    ///   - row: the weights of one output.
    ///   - codes: room for at least as many; as many are written.
    /// - Returns: the scale; 0 for a row of zeros, and NaN, with codes of 0, for a row with an infinity or a NaN.
    public static func quantize(
        _ row: UnsafeBufferPointer<Float>, into codes: UnsafeMutableBufferPointer<Int8>
    ) -> Float {
        let magnitude = row.largestMagnitude()
        guard magnitude.isFinite, magnitude >= smallestQuantized else {
            codes.prefix(row.count).update(repeating: 0)
            return magnitude.isFinite ? 0 : .nan
        }
        let longest = magnitude / largest
        var scale = longest
        var error = row.squaredError(scale: scale, codes: -largest...largest)
        for step in 1..<steps {
            let candidate = longest * (1 - Float(step) * shortening)
            let candidateError = row.squaredError(scale: candidate, codes: -largest...largest)
            if candidateError < error {
                (scale, error) = (candidate, candidateError)
            } else if candidateError > hopeless * error {
                break
            }
        }
        let refined = row.leastSquaresScale(scale, codes: -largest...largest)
        if row.squaredError(scale: refined, codes: -largest...largest) < error { scale = refined }
        row.write(scale: scale, codes: -largest...largest, into: codes)
        return scale
    }
}
