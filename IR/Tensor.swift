import NumberFormats

/// Numbers of one element type in row-major order, with every extent known.
public struct Tensor: Hashable, Sendable {
    /// The stored numbers. Elements of every type except i32 are kept as the f32 of the same value.
    public enum Storage: Hashable, Sendable {
        case floats([Float])
        case integers([Int32])
    }

    /// The element type.
    public let element: ElementType
    /// The extents, outermost first.
    public let shape: [Int]
    /// The numbers, row-major.
    public let storage: Storage

    /// Rounds values to what the element type can hold, see ``NumberFormat/rounded(_:width:)``.
    /// - Precondition: `values` has as many elements as `shape` says.
    public init(_ values: [Float], shape: [Int], element: ElementType = .f32) {
        self.init(
            represented: element.format.rounded(values, width: shape.last ?? 1), shape: shape, element: element)
    }

    /// A tensor of values that the element type can already hold, such as those of a packed matrix. Their scales may
    /// differ from the ones that ``init(_:shape:element:)`` would choose.
    /// - Precondition: `values` has as many elements as `shape` says.
    public init(represented values: [Float], shape: [Int], element: ElementType) {
        precondition(values.count == shape.reduce(1, *) && element != .i32, "values that do not fill their shape")
        self.element = element
        self.shape = shape
        storage = .floats(values)
    }

    /// - Precondition: `values` has as many elements as `shape` says.
    public init(_ values: [Int32], shape: [Int]) {
        precondition(values.count == shape.reduce(1, *), "values that do not fill their shape")
        element = .i32
        self.shape = shape
        storage = .integers(values)
    }

    /// The elements as floats; empty for i32.
    public var floats: [Float] { if case .floats(let values) = storage { values } else { [] } }

    /// The elements of an i32 tensor; empty for others.
    public var integers: [Int32] { if case .integers(let values) = storage { values } else { [] } }

    /// Whether the tensor has this type, where `rows` stands for `rowCount`.
    func fits(_ type: TensorType, rowCount: Int) -> Bool {
        let extents = type.shape.map { extent in
            switch extent {
            case .rows: rowCount
            case .fixed(let n): n
            }
        }
        return element == type.element && shape == extents
    }

    /// The text form, such as `f32[23,192]`.
    var typeText: String { "\(element)[\(shape.map(String.init).joined(separator: ","))]" }
}
