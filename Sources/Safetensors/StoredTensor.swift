/// A tensor as a file declares it, and the place of its bytes.
public struct StoredTensor: Hashable, Sendable {
    public let name: String
    public let type: StoredType
    /// The row-major extents; empty for a scalar.
    public let shape: [Int]
    /// The bytes from the start of the file, header included: `range.count` is the product of the shape times the
    /// type's size.
    public let range: Range<Int>

    public var elementCount: Int { range.count / type.byteCount }

    /// The first extent; a scalar is one row.
    public var rowCount: Int { shape.first ?? 1 }

    /// The number of elements of a row: the product of the extents after the first, or 0 if the tensor has no rows.
    // Derived from the bytes, because the extents of an empty tensor may multiply to more than an Int holds.
    public var rowLength: Int { rowCount == 0 ? 0 : elementCount / rowCount }
}
