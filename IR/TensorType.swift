import NumberFormats

/// The element type and shape of a value, a weight or a cache entry. The text form is `f32[rows,5280]`.
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

    /// The number of elements in each row: the product of the extents other than `rows`, limited to `Int.max`.
    public var width: Int {
        shape.reduce(1) { product, extent in
            guard case .fixed(let n) = extent else { return product }
            let (larger, overflow) = product.multipliedReportingOverflow(by: n)
            return overflow ? Int.max : larger
        }
    }

    /// The same shape with another element type.
    public func with(_ element: ElementType) -> TensorType { TensorType(element, shape) }

    /// The width K of a matrix `element[rows,K]`; nil for any other shape.
    public var rowWidth: Int? {
        if shape.count == 2, shape[0] == .rows, case .fixed(let width) = shape[1] { width } else { nil }
    }

    /// The extents of a type without `rows`; nil if it has that extent.
    public var fixedExtents: [Int]? {
        var extents: [Int] = []
        for case .fixed(let extent) in shape { extents.append(extent) }
        return extents.count == shape.count ? extents : nil
    }

    /// Whether the first extent, and no other, is `rows`.
    public var isRowwise: Bool { shape.first == .rows && !shape.dropFirst().contains(.rows) }
}

/// One extent of a shape: a number that is known at compile time, or the number of rows in the call.
public enum Extent: Hashable, Sendable {
    /// The number of rows in one call, which are positions of one or several sequences. It is known only at run time.
    case rows
    case fixed(Int)
}
