/// The type of the numbers in a tensor. The IR, the weights and buffers of plans, and options all use this one vocabulary.
///
/// A ``NumberFormat`` in a folder of its own describes each type, and ``allCases`` lists the types. The roles of a format
/// say where its numbers may stand: in the rows of a call (``rows``), in matrices (``weights``), or in both.
public struct ElementType: Sendable {
    /// The record of the type.
    public let format: any NumberFormat.Type

    public init(_ format: any NumberFormat.Type) { self.format = format }

    /// The name in the IR's text form, in plans and in options.
    public var name: String { format.name }

    /// The layout of rows of such numbers in a buffer; nil if only matrices have the type.
    public var rows: (any RowLayout.Type)? { format as? any RowLayout.Type }

    /// The layout of matrices of such numbers in a plan; nil if only rows have the type.
    public var weights: (any WeightLayout.Type)? { format as? any WeightLayout.Type }
}

extension ElementType: CaseIterable {
    /// All types. A new format is a folder and a line here.
    public static let allCases = [
        ElementType(F32Format.self),
        ElementType(BF16Format.self),
        ElementType(Int8Format.self),
        ElementType(Int4Format.self),
        ElementType(Q8Format.self),
        ElementType(I32Format.self),
    ]

    /// The types that matrices are stored in.
    public static let weightFormats = allCases.filter { $0.weights != nil }
}

extension ElementType: Hashable {
    public static func == (one: ElementType, other: ElementType) -> Bool { one.format == other.format }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(format)) }
}

extension ElementType: RawRepresentable, Codable {
    public var rawValue: String { name }

    public init?(rawValue: String) {
        guard let type = Self.allCases.first(where: { $0.name == rawValue }) else { return nil }
        self = type
    }
}

extension ElementType: CustomStringConvertible {
    public var description: String { name }
}

extension [ElementType] {
    /// The names as in "f32, bf16 or int8", with this conjunction.
    public func list(_ conjunction: String) -> String {
        guard let last else { return "" }
        return count == 1 ? last.name : dropLast().map(\.name).joined(separator: ", ") + " \(conjunction) \(last)"
    }
}
