/// The type of one element of a tensor.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
    /// IEEE 754 single precision: the residual stream, norms, caches, logits.
    case f32
    /// bfloat16: what a matrix with bf16 weights reads. Arithmetic on it accumulates in f32.
    case bf16
    /// Integers from −127 to 127 times one f32 scale a row. As the type of a matrix, each of its
    /// rows (an output) has a scale; as the type of a value, each row of the call, quantized when it is stored.
    case q8
    /// Integers from −8 to 7 times one bf16 scale for every 32 columns of a row. Only matrices have it; they read q8 rows.
    case q4
    /// Tokens, sequence slots, positions.
    case i32
}

extension ElementType {
    /// The element type of the rows that a matrix of this one is applied to.
    public var matrixInput: ElementType { self == .q4 ? .q8 : self }

    /// Whether its numbers share scales along a row, so that only matrices have it.
    var isQuantized: Bool { self == .q8 || self == .q4 }
}

/// One extent of a shape: a number known when compiling, or the number of rows of the call.
public enum Extent: Hashable, Sendable {
    /// The number of rows that one call carries: positions of one or several sequences, known only when running.
    case rows
    case fixed(Int)
}

/// Element type and shape of a value, a weight or a cache entry. Written `f32[rows,5280]`.
public struct TensorType: Hashable, Sendable {
    public var element: ElementType
    public var shape: [Extent]

    public init(_ element: ElementType, _ shape: [Extent]) {
        self.element = element
        self.shape = shape
    }

    /// A matrix with one row for each row of the call, `element[rows,width]`.
    public static func rows(_ element: ElementType, _ width: Int) -> TensorType {
        TensorType(element, [.rows, .fixed(width)])
    }

    /// One element for each row of the call, `element[rows]`.
    public static func rows(_ element: ElementType) -> TensorType { TensorType(element, [.rows]) }

    /// A type without a symbolic extent, such as a weight's.
    public static func fixed(_ element: ElementType, _ extents: Int...) -> TensorType {
        TensorType(element, extents.map(Extent.fixed))
    }

    /// The elements that each row holds: the product of the extents other than `rows`, at most `Int.max`.
    public var width: Int {
        shape.reduce(1) { product, extent in
            guard case .fixed(let n) = extent else { return product }
            let (larger, overflow) = product.multipliedReportingOverflow(by: n)
            return overflow ? Int.max : larger
        }
    }

    /// The same shape with another element type.
    public func with(_ element: ElementType) -> TensorType { TensorType(element, shape) }

    /// K of a matrix `element[rows,K]`; nil for any other shape.
    public var rowWidth: Int? {
        if shape.count == 2, shape[0] == .rows, case .fixed(let width) = shape[1] { width } else { nil }
    }

    /// The extents of a type without `rows`; nil when it has that extent.
    public var fixedExtents: [Int]? {
        var extents: [Int] = []
        for case .fixed(let extent) in shape { extents.append(extent) }
        return extents.count == shape.count ? extents : nil
    }

    /// Whether the first extent, and no other, is `rows`.
    public var isRowwise: Bool { shape.first == .rows && !shape.dropFirst().contains(.rows) }
}
