/// bfloat16, the upper half of an f32: half the bytes of f32, with the same range.
///
/// A block of a matrix is 32 × 32: two panels of 16 outputs. A panel holds 16 pairs of inputs, and a pair is
/// 16 outputs × 2 inputs, 64 bytes: a row of an AMX tile, or an AVX-512 register of `vdpbf16ps` operands.
public enum BF16Format: RowLayout, StripLayout {
    public static let name = "bf16"

    public static func rounded(_ values: [Float], width: Int) -> [Float] { values.map(\.roundedToBF16) }

    // MARK: Rows

    public static func contentBytes(width: Int) -> Int { width * 2 }

    /// Rows are stored in tiles of up to 16 rows by 32 columns.
    public static func bytesPerRow(width: Int) -> Int {
        (width.roundedUp(to: 32) * 2).roundedUp(to: bufferAlignment)
    }

    // MARK: Weights

    public static let summary = "takes half the bytes"

    public static var input: ElementType { .bf16 }
    public static var product: ElementType { .bf16 }

    public static let blockColumns = 32
    public static let blockBytes = block * block * 2

    /// The outputs of a strip, and the inputs of a block.
    private static let block = 32

    public static func tensor(rows: Int, columns: Int) -> (type: String, extents: [Int]) {
        ("BF16", [strips(rows: rows), blocks(columns: columns), block / panel, block / 2, panel, 2])
    }

    /// The place of output `n`, input `k` in the packed matrix, in elements.
    public static func offset(n: Int, k: Int, columns: Int) -> Int {
        n / block * stripBytes(columns: columns) / 2 + k / block * block * block
            + n % block / panel * panel * block + k % block / 2 * block + n % panel * 2 + k % 2
    }

    public static func packStrip(
        _ source: UnsafeBufferPointer<Float>, rows: Int, columns: Int, into strip: UnsafeMutableRawBufferPointer,
        trailer: UnsafeMutableRawBufferPointer
    ) {
        precondition((0...block).contains(rows) && source.count >= rows * columns)
        precondition(strip.count >= stripBytes(columns: columns))
        let strip = strip.bindMemory(to: UInt16.self)
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
                packed[offset(n: n, k: k, columns: columns)] = floats[n * columns + k].bf16Bits
            }
        }
    }

    /// Rounds a block's inputs of one output. Two neighbours share a word, with the even one in its lower half. The body is
    /// a counted loop only, which the compiler turns into vector code.
    @inline(__always)
    private static func round(_ floats: UnsafeRawPointer, into pairs: UnsafeMutablePointer<UInt32>) {
        var pair = 0
        while pair < block / 2 {
            let even = floats.loadUnaligned(fromByteOffset: 8 &* pair, as: UInt32.self).roundedToBF16
            let odd = floats.loadUnaligned(fromByteOffset: 8 &* pair &+ 4, as: UInt32.self).roundedToBF16
            pairs[pair] = even &>> 16 | odd & 0xFFFF_0000
            pair &+= 1
        }
    }

    public static func element(_ packed: UnsafeRawBufferPointer, n: Int, k: Int, rows: Int, columns: Int) -> Float {
        Float(
            bf16: packed.loadUnaligned(fromByteOffset: offset(n: n, k: k, columns: columns) * 2, as: UInt16.self))
    }

    public static func randomStrips(_ random: inout Xorshift) -> [UInt8] {
        // Random signs and mantissas with the exponent of 1/128.
        random.bytes(words: 1 << 20, keeping: 0x807F_807F_807F_807F, setting: 0x3C00_3C00_3C00_3C00)
    }
}

extension ElementType {
    /// bfloat16.
    public static var bf16: ElementType { ElementType(BF16Format.self) }
}
