/// Chooses the scale and codes of an output of an int8 matrix. A small search finds those with which the sum of squared
/// differences between code · scale and the row is smallest. The same row always gives the same result.
public enum Int8Quantizer {
    private static let codes = -Int8Format.maxCode...Int8Format.maxCode

    /// The factor by which each step of the search shortens the first scale, which reaches the row's largest magnitude. A
    /// row of a few thousand normal numbers is best at one of the first steps, and one with outliers a little later.
    private static let shortening: Float = 1 / 64
    private static let steps = 16
    /// The ratio of a candidate's error to the smallest one that ends the search. Errors grow quickly once too much of a row
    /// is clipped.
    private static let hopeless = 1.5

    /// - Parameters:
    ///   - row: the weights of one output.
    ///   - codes: memory for at least as many codes; exactly as many are written.
    /// - Returns: the scale; 0 for a row of zeros, and NaN, with codes of 0, for a row with an infinity or a NaN.
    public static func quantize(
        _ row: UnsafeBufferPointer<Float>, into codes: UnsafeMutableBufferPointer<Int8>
    ) -> Float {
        let magnitude = row.largestMagnitude()
        guard magnitude.isFinite, magnitude >= smallestQuantized else {
            codes.prefix(row.count).update(repeating: 0)
            return magnitude.isFinite ? 0 : .nan
        }
        let longest = magnitude / Int8Format.maxCode
        var scale = longest
        var error = row.squaredError(scale: scale, codes: Self.codes)
        for step in 1..<steps {
            let candidate = longest * (1 - Float(step) * shortening)
            let candidateError = row.squaredError(scale: candidate, codes: Self.codes)
            if candidateError < error {
                (scale, error) = (candidate, candidateError)
            } else if candidateError > hopeless * error {
                break
            }
        }
        let refined = row.leastSquaresScale(scale, codes: Self.codes)
        if row.squaredError(scale: refined, codes: Self.codes) < error { scale = refined }
        row.write(scale: scale, codes: Self.codes, into: codes)
        return scale
    }
}
