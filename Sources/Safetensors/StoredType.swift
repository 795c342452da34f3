/// The element type of a tensor in a safetensors file.
///
/// A name that this reader does not know is a type too: a file may hold tensors of future types, which can be listed
/// and skipped but not read. ``TensorConversion`` says which types can be turned into f32.
public struct StoredType: RawRepresentable, Hashable, Sendable {
    /// The name in the header.
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public static let f64 = StoredType(rawValue: "F64")
    public static let f32 = StoredType(rawValue: "F32")
    public static let f16 = StoredType(rawValue: "F16")
    public static let bf16 = StoredType(rawValue: "BF16")
    public static let i8 = StoredType(rawValue: "I8")
    public static let u8 = StoredType(rawValue: "U8")
    public static let i32 = StoredType(rawValue: "I32")

    /// The sizes of the types of safetensors 0.8, in bits.
    private static let bitCounts: [String: Int] = [
        "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16,
        "U16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F8_E8M0": 8, "I8": 8, "U8": 8,
        "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
    ]

    /// The number of bits of an element; nil for an unknown type.
    public var bitCount: Int? { Self.bitCounts[rawValue] }

    /// The number of bytes of a tensor.
    /// - Returns: nil if the type is unknown, an extent is negative, the product does not fit in an `Int`, or packed
    ///   elements do not fill the last byte.
    public func byteCount(ofShape shape: [Int]) -> Int? {
        guard let bitCount, let elements = Self.elementCount(ofShape: shape) else { return nil }
        // Whole bytes are counted as bytes, because the bits of a large tensor may not fit.
        let isPacked = bitCount % 8 != 0
        let (size, overflow) = elements.multipliedReportingOverflow(by: isPacked ? bitCount : bitCount / 8)
        guard !overflow, !isPacked || size % 8 == 0 else { return nil }
        return isPacked ? size / 8 : size
    }

    /// The product of the extents; nil if one is negative or the product does not fit in an `Int`.
    static func elementCount(ofShape shape: [Int]) -> Int? {
        // A zero extent makes the tensor empty whatever the others are, so an overflow must not hide it.
        guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
        if shape.contains(0) { return 0 }
        var total = 1
        for extent in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: extent)
            guard !overflow else { return nil }
            total = product
        }
        return total
    }
}
