/// Chooses the scale and codes of a group of weights of an int4 matrix: those with which code · scale is nearest to the
/// group in the sum of squares, of a small search. The same group always gives the same result.
public enum Int4Quantizer {
    static let codes: ClosedRange<Float> = -8...7

    /// Candidates are scales with which the largest magnitude falls on one of these numbers, which need not be codes:
    /// between them, what lies beyond is clipped to one, or the range is not used to its end.
    private static let reaches: [Float] = (0..<8).map { 5.5 + Float($0) * 0.5 }

    /// - Parameters:
    ///   - group: weights of one output.
    ///   - codes: room for at least as many; as many are written.
    /// - Returns: the scale, a bf16 number of either sign, so that the side of −8 can be the one that needs it; 0 for a
    ///   group of zeros, and NaN, with codes of 0, for a group with an infinity or a NaN.
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
            let candidateError = group.squaredError(scale: candidate, codes: Self.codes)
            if candidateError < error { (scale, error) = (candidate, candidateError) }
        }
        for reach in reaches {
            consider(magnitude / reach)
            consider(-magnitude / reach)
        }
        for _ in 0..<2 { consider(group.leastSquaresScale(scale, codes: Self.codes)) }
        group.write(scale: scale, codes: Self.codes, into: codes)
        return scale
    }
}
