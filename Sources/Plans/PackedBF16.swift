/// The packed layout of bf16 matrices, one for every instruction set.
///
/// A matrix of N outputs by K inputs is padded with zeros to multiples of 32 and cut into strips of 32 outputs; a strip
/// is K/32 blocks of 32 × 32, and a block is two panels of 16 outputs. A panel holds 16 pairs of inputs, and a pair is
/// 16 outputs × 2 inputs, 64 bytes: a row of an AMX tile, or an AVX-512 register of `vdpbf16ps` operands. A strip is
/// read front to back, so a pass over the matrix is one sequential stream.
public enum PackedBF16 {
    /// Outputs of a strip, and inputs of a block.
    public static let block = 32

    static let panel = 16

    public static func roundedUp(_ extent: Int) -> Int { (extent + block - 1) / block * block }

    /// Elements of one packed strip of a matrix with `columns` inputs.
    public static func stripElements(columns: Int) -> Int { block * roundedUp(columns) }

    /// The place of output `n`, input `k` in the packed matrix, in elements.
    public static func offset(n: Int, k: Int, columns: Int) -> Int {
        n / block * stripElements(columns: columns) + k / block * block * block
            + n % block / panel * panel * block + k % block / 2 * block + n % panel * 2 + k % 2
    }

    /// Packs up to 32 rows of floats into one strip, rounding to nearest, ties to even.
    /// - Parameters:
    ///   - source: `rows × columns` floats, row-major, with 1 ... 32 rows.
    ///   - strip: room for ``stripElements(columns:)`` elements; all of them are written.
    public static func packStrip(
        _ source: UnsafeBufferPointer<Float>, rows: Int, columns: Int, into strip: UnsafeMutableBufferPointer<UInt16>
    ) {
        precondition((0...block).contains(rows) && source.count >= rows * columns)
        precondition(strip.count >= stripElements(columns: columns))
        if rows < block || columns % block != 0 { strip.update(repeating: 0) }
        for n in 0..<rows {
            let row = n * columns
            let base = n / panel * panel * block + n % panel * 2
            for k in 0..<columns {
                strip[base + k / block * block * block + k % block / 2 * block + k % 2] = round(source[row + k])
            }
        }
    }

    /// The element at output `n`, input `k` of a packed matrix, as a float.
    public static func element(_ packed: UnsafeBufferPointer<UInt16>, n: Int, k: Int, columns: Int) -> Float {
        Float(bitPattern: UInt32(packed[offset(n: n, k: k, columns: columns)]) << 16)
    }

    /// The nearest bf16 as a float.
    static func nearest(_ value: Float) -> Float { Float(bitPattern: UInt32(round(value)) << 16) }

    /// The nearest bf16, ties to even; a NaN stays a NaN.
    @inline(__always)
    static func round(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}
