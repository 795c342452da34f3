/// Chooses the scale and codes of a group of weights of an int4 matrix. A small search finds those with which the sum of
/// squared differences between code · scale and the group is smallest. The same group always gives the same result.
public enum Int4Quantizer {
    /// The numbers to which candidate scales bring the largest magnitude. They need not be codes: if the number lies between
    /// codes, larger weights are clipped, or the range is not used to its end.
    private static let reaches: [Float] = (0..<8).map { 5.5 + Float($0) * 0.5 }

    /// - Parameters:
    ///   - group: weights of one output.
    ///   - codes: memory for at least as many codes; exactly as many are written.
    /// - Returns: the scale, a bf16 number. Its sign may be negative, so that −8 can stand for the largest weight. It is 0
    ///   for a group of zeros, and NaN, with codes of 0, for a group with an infinity or a NaN.
    public static func quantize(
        _ group: UnsafeBufferPointer<Float>, into codes: UnsafeMutableBufferPointer<Int8>
    ) -> Float {
        let magnitude = group.largestMagnitude()
        guard magnitude.isFinite, magnitude >= smallestQuantized else {
            codes.prefix(group.count).update(repeating: 0)
            return magnitude.isFinite ? 0 : .nan
        }
        var scale: Float = 0
        var error = Double.infinity
        func consider(_ candidate: Float) {
            let candidate = candidate.roundedToBF16
            let candidateError = group.squaredError(scale: candidate, codes: Int4Format.codes)
            if candidateError < error { (scale, error) = (candidate, candidateError) }
        }
        for reach in reaches {
            consider(magnitude / reach)
            consider(-magnitude / reach)
        }
        for _ in 0..<2 { consider(group.leastSquaresScale(scale, codes: Int4Format.codes)) }
        group.write(scale: scale, codes: Int4Format.codes, into: codes)
        return scale
    }
}
