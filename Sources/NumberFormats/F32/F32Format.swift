/// IEEE 754 single precision: the residual stream, norms, caches and logits. Matrices are row-major.
/// Vectors (norms and biases) are always f32.
public enum F32Format: RowLayout, WeightLayout {
    public static let name = "f32"

    public static func rounded(_ values: [Float], width: Int) -> [Float] { values }

    // MARK: Rows

    public static let isRowMajor = true

    public static func contentBytes(width: Int) -> Int { width * 4 }

    public static func bytesPerRow(width: Int) -> Int { contentBytes(width: width).roundedUp(to: bufferAlignment) }

    // MARK: Weights

    public static let summary = "is the reference"

    public static var input: ElementType { .f32 }
    public static var product: ElementType { .f32 }

    public static func byteCount(rows: Int, columns: Int) -> Int? { checkedProduct(rows, columns, 4) }

    public static func stripBytes(rows: Int, columns: Int) -> Int { rows * columns * 4 }

    public static func tensor(rows: Int, columns: Int) -> (type: String, extents: [Int]) { ("F32", [rows, columns]) }

    public static func packStrip(
        _ source: UnsafeBufferPointer<Float>, rows: Int, columns: Int, into strip: UnsafeMutableRawBufferPointer,
        trailer: UnsafeMutableRawBufferPointer
    ) {
        let bytes = stripBytes(rows: rows, columns: columns)
        strip.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(source)[..<bytes]))
    }

    public static func element(_ packed: UnsafeRawBufferPointer, n: Int, k: Int, rows: Int, columns: Int) -> Float {
        packed.loadUnaligned(fromByteOffset: (n * columns + k) * 4, as: Float.self)
    }

    public static func randomStrips(_ random: inout Xorshift) -> [UInt8] {
        // Random signs and mantissas with the exponent of 1/128.
        random.bytes(words: 1 << 20, keeping: 0x807F_FFFF_807F_FFFF, setting: 0x3C00_0000_3C00_0000)
    }
}

extension ElementType {
    /// IEEE 754 single precision.
    public static var f32: ElementType { ElementType(F32Format.self) }
}
