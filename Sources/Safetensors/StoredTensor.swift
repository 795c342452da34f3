/// A tensor as a file declares it, and the place of its bytes.
public struct StoredTensor: Hashable, Sendable {
    public let name: String
    public let type: StoredType
    /// The row-major extents; empty for a scalar.
    public let shape: [Int]
    /// The bytes from the start of the file, header included: as many as the shape and the type take, if the type is
    /// known.
    public let range: Range<Int>

    /// The product of the extents, which fits in an `Int` in every file that opens.
    public var elementCount: Int { StoredType.elementCount(ofShape: shape) ?? 0 }

    /// The first extent; a scalar is one row.
    public var rowCount: Int { shape.first ?? 1 }

    /// The number of elements of a row: the product of the extents after the first, or 0 if the tensor has no rows.
    // Derived from the product, because the later extents of an empty tensor may multiply to more than an Int holds.
    public var rowLength: Int { rowCount == 0 ? 0 : elementCount / rowCount }
}
