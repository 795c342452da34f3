/// What q8 and q4 make of floats, in the interpreter: each number becomes the nearest of the multiples of a scale that it
/// shares with its neighbours. The scale follows from the largest magnitude among them.
///
/// For rows of activations this is the definition. A plan's weights may have better scales, since whoever packs them has
/// time to search: see ``Tensor/init(represented:shape:element:)``.
enum Quantization {
    /// The largest q8 integer. The smallest is its negative: −128 is left out, so that the range is symmetric.
    static let largest8: Float = 127
    /// The largest q4 integer that a scale is made for. The smallest, −8, is left to searches for better scales.
    static let largest4: Float = 7
    /// Columns of a q4 row that share a scale.
    static let group = 32

    /// The values of rows of `width` columns, one after another, as q8: a scale for each row.
    static func q8(_ values: [Float], width: Int) -> [Float] {
        inGroups(values, of: width, width: width) { group in
            let largest = group.reduce(Float(0)) { max($0, abs($1)) }
            // A row of zeros; or one so small that the factor below overflows, which is as good as zeros.
            guard largest > 0, (largest8 / largest).isFinite else { return group.map { _ in 0 } }
            let (scale, factor) = (largest / largest8, largest8 / largest)
            return group.map { min(max(($0 * factor).rounded(.toNearestOrEven), -largest8), largest8) * scale }
        }
    }

    /// The values of rows of `width` columns as q4: a scale, itself rounded to bf16, for every 32 columns of a row.
    static func q4(_ values: [Float], width: Int) -> [Float] {
        inGroups(values, of: group, width: width) { group in
            let scale = (group.reduce(Float(0)) { max($0, abs($1)) } / largest4).roundedToBF16
            guard scale > 0 else { return group.map { _ in 0 } }
            return group.map { min(max(($0 / scale).rounded(.toNearestOrEven), -largest4 - 1), largest4) * scale }
        }
    }

    /// Applies `quantize` to every `count` columns of every row; the last group of a row may have fewer. A group with an
    /// infinity or a NaN has no scale and becomes NaN.
    private static func inGroups(
        _ values: [Float], of count: Int, width: Int, _ quantize: (ArraySlice<Float>) -> [Float]
    ) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(values.count)
        for row in stride(from: 0, to: values.count, by: max(1, width)) {
            for start in stride(from: row, to: row + width, by: max(1, count)) {
                let group = values[start..<min(start + count, row + width)]
                result += group.allSatisfy(\.isFinite) ? quantize(group) : group.map { _ in .nan }
            }
        }
        return result
    }
}
