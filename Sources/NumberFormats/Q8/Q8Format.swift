/// Rows of integers from −127 to 127 times one f32 scale a row: the input of int8 and int4 matrices. A row is quantized when
/// it is stored, with the scale that makes 127 of its largest magnitude.
public enum Q8Format: RowLayout {
    public static let name = "q8"
    public static let isQuantized = true

    /// The largest integer. The smallest is its negative: −128 is left out, so that the range is symmetric.
    static let maxCode: Float = 127

    public static func rounded(_ values: [Float], width: Int) -> [Float] {
        roundedInGroups(values, of: width, width: width) { row in
            let magnitude = row.reduce(Float(0)) { max($0, abs($1)) }
            // The factor of a row of zeros, or of numbers as small, is not finite. The row becomes zeros.
            guard magnitude > 0, (maxCode / magnitude).isFinite else { return row.map { _ in 0 } }
            let (scale, factor) = (magnitude / maxCode, maxCode / magnitude)
            return row.map { min(max(($0 * factor).rounded(.toNearestOrEven), -maxCode), maxCode) * scale }
        }
    }

    /// A byte for each code, and the row's scale.
    public static func contentBytes(width: Int) -> Int { width + 4 }

    /// Codes are stored in tiles of up to 16 rows by 64 columns. 64 bytes hold the scale and the sum of all codes, and
    /// every 32 columns have an i32 sum of their own.
    public static func bytesPerRow(width: Int) -> Int {
        let columns = width.roundedUp(to: 64)
        return (columns + 64 + columns / 32 * 4).roundedUp(to: bufferAlignment)
    }
}

extension ElementType {
    /// Rows of integers from −127 to 127 times one f32 scale a row.
    public static var q8: ElementType { ElementType(Q8Format.self) }
}
