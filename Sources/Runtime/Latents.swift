/// Rows of f32 of one width, row-major: latent states or prelude outputs, one row per position.
public struct Latents: Hashable, Sendable {
    /// Columns of a row.
    public var width: Int
    /// `rows · width` elements.
    public var values: [Float]

    /// The number of rows; 0 if rows have no columns.
    public var rows: Int { width == 0 ? 0 : values.count / width }

    public init(width: Int, values: [Float] = []) {
        self.width = width
        self.values = values
    }

    /// (rows, width) of zeros.
    public static func zeros(rows: Int, width: Int) -> Latents {
        Latents(width: width, values: [Float](repeating: 0, count: rows * width))
    }

    /// Adds the rows of `other`, which has the same width, at the end.
    public mutating func append(_ other: Latents) { values.append(contentsOf: other.values) }
    /// Overwrites the rows from `first` on with those of `other`.
    /// - Precondition: `other` has the same width and at most as many rows as there are from `first` on.
    public mutating func replaceRows(from first: Int, with other: Latents) {
        values.replaceSubrange(first * width..<first * width + other.values.count, with: other.values)
    }
    /// Drops all rows after the first `count`.
    /// - Precondition: `count` does not exceed ``rows``.
    public mutating func keepFirst(_ count: Int) { values.removeSubrange((count * width)...) }
    /// Drops the first `count` rows.
    /// - Precondition: `count` does not exceed ``rows``.
    public mutating func removeFirst(_ count: Int) { values.removeFirst(count * width) }
    /// The rows of a range.
    /// - Precondition: all of them exist.
    public func rows(_ range: Range<Int>) -> Latents {
        Latents(width: width, values: Array(values[range.lowerBound * width..<range.upperBound * width]))
    }

    /// The rows with these indices, in their order.
    /// - Precondition: all of them exist.
    public func rows(_ indices: [Int]) -> Latents {
        var result = Latents(width: width)
        result.values.reserveCapacity(indices.count * width)
        for row in indices { result.values += values[row * width..<(row + 1) * width] }
        return result
    }

    /// Overwrites a row with one of `other`, which has the same width.
    /// - Precondition: both rows exist.
    public mutating func setRow(_ row: Int, to other: Latents, row source: Int) {
        values.replaceSubrange(
            row * width..<(row + 1) * width, with: other.values[source * width..<(source + 1) * width])
    }

    /// ‖a − b‖ / ‖a‖ of a row a and a row b of `before`, in the Euclidean norm.
    /// - Precondition: both rows exist.
    public func relativeChange(ofRow row: Int, from before: Latents, row earlier: Int) -> Float {
        var change: Float = 0
        var size: Float = 0
        for (new, old) in zip(
            values[row * width..<(row + 1) * width], before.values[earlier * width..<(earlier + 1) * width])
        {
            change += (new - old) * (new - old)
            size += new * new
        }
        return (change / size).squareRoot()
    }
}
