/// Applies `quantize` to every `count` columns of rows of `width` columns; the last group of a row may have fewer. A group
/// with an infinity or a NaN has no scale and becomes NaN.
func roundedInGroups(
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
