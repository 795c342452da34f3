/// A tensor as a file declares it, and where its bytes lie.
public struct StoredTensor: Hashable, Sendable {
    public let name: String
    public let type: StoredType
    /// Row-major extents; none for a scalar.
    public let shape: [Int]
    /// Bytes from the start of the file, header included: `range.count` is the product of the shape times the type's size.
    public let range: Range<Int>

    public var elementCount: Int { range.count / type.byteCount }

    /// The first extent; a scalar is one row.
    public var rowCount: Int { shape.first ?? 1 }

    /// Elements of one row: the product of the extents after the first, or 0 when the tensor has no rows.
    // Derived from the bytes, since the extents of an empty tensor may multiply to more than an Int holds.
    public var rowLength: Int { rowCount == 0 ? 0 : elementCount / rowCount }
}
