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

    /// The next multiple of ``block``.
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
        guard rows > 0, columns > 0, let floats = source.baseAddress, let packed = strip.baseAddress else { return }
        let whole = columns / block * block
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: block / 2) { pairs in
            guard let pairs = pairs.baseAddress else { return }
            for k in stride(from: 0, to: whole, by: block) {
                for n in 0..<rows {
                    round(UnsafeRawPointer(floats + (n &* columns &+ k)), into: pairs)
                    let place = k &* block &+ n / panel &* panel &* block &+ n % panel &* 2
                    let first = UnsafeMutableRawPointer(packed + place)
                    for pair in 0..<block / 2 {
                        first.storeBytes(of: pairs[pair], toByteOffset: pair &* 2 &* block, as: UInt32.self)
                    }
                }
            }
        }
        for n in 0..<rows {
            for k in whole..<columns {
                packed[offset(n: n, k: k, columns: columns)] = round(floats[n * columns + k])
            }
        }
    }

    /// Rounds a block's inputs of one output, two neighbours to a word, the even one in its lower half, with nothing but a
    /// counted loop, which the compiler turns into vector code.
    @inline(__always)
    private static func round(_ floats: UnsafeRawPointer, into pairs: UnsafeMutablePointer<UInt32>) {
        var pair = 0
        while pair < block / 2 {
            let even = rounded(floats.loadUnaligned(fromByteOffset: 8 &* pair, as: UInt32.self))
            let odd = rounded(floats.loadUnaligned(fromByteOffset: 8 &* pair &+ 4, as: UInt32.self))
            pairs[pair] = even &>> 16 | odd & 0xFFFF_0000
            pair &+= 1
        }
    }

    /// The nearest bf16 as a float.
    static func nearest(_ value: Float) -> Float { Float(bitPattern: UInt32(round(value)) << 16) }

    /// The nearest bf16, ties to even; a NaN stays a NaN.
    static func round(_ value: Float) -> UInt16 {
        UInt16(truncatingIfNeeded: rounded(value.bitPattern) &>> 16)
    }

    /// The bits of a float, rounded to nearest in the upper half, ties to even. What is in the lower half does not count.
    @inline(__always)
    private static func rounded(_ bits: UInt32) -> UInt32 {
        // A NaN must stay one: its fraction may be all in the half that goes.
        let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
        return isNaN ? bits | 0x40_0000 : bits &+ 0x7FFF &+ (bits &>> 16 & 1)
    }

    /// The element at output `n`, input `k` of a packed matrix, as a float.
    public static func element(_ packed: UnsafeBufferPointer<UInt16>, n: Int, k: Int, columns: Int) -> Float {
        Float(bitPattern: UInt32(packed[offset(n: n, k: k, columns: columns)]) << 16)
    }
}
