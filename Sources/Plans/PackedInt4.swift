/// The packed layout of int4 matrices, one for every instruction set: codes from −8 to 7, and a bf16 scale for every 32
/// inputs of an output.
///
/// A matrix of N outputs by K inputs is padded with zero codes to multiples of 32 and 64 and cut into strips of 32 outputs; a
/// strip is K64/64 blocks of 32 × 64: two panels of 16 outputs, 512 bytes each, then 64 scales. A panel's row r of 64 bytes
/// holds inputs 4r … 4r + 3 of the block's first 32 in its low nibbles and the same of the second 32 in its high nibbles, so
/// that one load and a mask give the operands of two quads in the order of ``PackedInt8``. A nibble is a code plus 8.
public enum PackedInt4 {
    /// Outputs of a strip.
    public static let strip = 32
    /// Inputs of a block.
    public static let block = 64
    /// Inputs that share a scale.
    public static let group = 32

    static let panel = 16
    static let quad = 4
    /// Bytes of a panel's nibbles, of a block's nibbles, and of a block.
    static let panelBytes = panel * block / 2
    static let nibbleBytes = strip / panel * panelBytes
    static let blockBytes = nibbleBytes + block / group * strip * 2
    /// The byte of two zero codes.
    static let zeros: UInt8 = 0x88

    /// Bytes of one packed strip of a matrix with `columns` inputs.
    public static func stripBytes(columns: Int) -> Int { rounded(columns, to: block) / block * blockBytes }

    /// The byte of the code of output `n`, input `k` in the packed matrix, and whether it is the high nibble.
    public static func place(n: Int, k: Int, columns: Int) -> (byte: Int, isHigh: Bool) {
        let byte =
            n / strip * stripBytes(columns: columns) + k / block * blockBytes + n % strip / panel * panelBytes
            + k % group / quad * quad * panel + n % panel * quad + k % quad
        return (byte, k % block >= group)
    }

    /// The place of the scale of output `n`, input `k`, in bytes.
    public static func scaleOffset(n: Int, k: Int, columns: Int) -> Int {
        n / strip * stripBytes(columns: columns) + k / block * blockBytes + nibbleBytes
            + (k % block / group * strip + n % strip) * 2
    }

    /// Quantizes up to 32 rows of floats and packs them into one strip.
    /// - Parameters:
    ///   - source: `rows × columns` finite floats, row-major, with 0 ... 32 rows.
    ///   - packed: room for ``stripBytes(columns:)``; all of them are written.
    public static func packStrip(
        _ source: UnsafeBufferPointer<Float>, rows: Int, columns: Int, into packed: UnsafeMutableRawBufferPointer
    ) {
        precondition((0...strip).contains(rows) && source.count >= rows * columns)
        precondition(packed.count >= stripBytes(columns: columns))
        if rows < strip {
            fillWithZeros(UnsafeMutableRawBufferPointer(rebasing: packed[..<stripBytes(columns: columns)]))
        }
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: block) { codes in
            codes.initialize(repeating: 0)
            let quads = UnsafeRawBufferPointer(codes)
            for n in 0..<rows {
                let row = source[n * columns..<(n + 1) * columns]
                for first in stride(from: 0, to: columns, by: block) {
                    codes.update(repeating: 0)
                    for k in [first, first + group] {
                        let weights = row.dropFirst(k).prefix(group)
                        let scale = Int4Quantizer.quantize(
                            UnsafeBufferPointer(rebasing: weights),
                            into: UnsafeMutableBufferPointer(rebasing: codes[(k - first)...]))
                        packed.storeBytes(
                            of: PackedBF16.round(scale), toByteOffset: scaleOffset(n: n, k: k, columns: columns),
                            as: UInt16.self)
                    }
                    for k in stride(from: 0, to: group, by: quad) {
                        let low = nibbles(quads.loadUnaligned(fromByteOffset: k, as: UInt32.self))
                        let high = nibbles(quads.loadUnaligned(fromByteOffset: group + k, as: UInt32.self))
                        packed.storeBytes(
                            of: low | high << 4, toByteOffset: place(n: n, k: first + k, columns: columns).byte,
                            as: UInt32.self)
                    }
                }
            }
        }
    }

    /// Four codes, a byte each, plus 8 each: in four bits that turns the sign.
    private static func nibbles(_ codes: UInt32) -> UInt32 { codes & 0x0F0F_0F0F ^ 0x0808_0808 }

    private static func fillWithZeros(_ blocks: UnsafeMutableRawBufferPointer) {
        for start in stride(from: 0, to: blocks.count, by: blockBytes) {
            let scales = start + nibbleBytes
            UnsafeMutableRawBufferPointer(rebasing: blocks[start..<scales]).initializeMemory(
                as: UInt8.self, repeating: zeros)
            UnsafeMutableRawBufferPointer(rebasing: blocks[scales..<start + blockBytes])
                .initializeMemory(as: UInt8.self, repeating: 0)
        }
    }

    /// The element at output `n`, input `k` of a packed matrix as a float.
    public static func element(_ packed: UnsafeRawBufferPointer, n: Int, k: Int, columns: Int) -> Float {
        let (byte, isHigh) = place(n: n, k: k, columns: columns)
        let nibble = isHigh ? packed[byte] >> 4 : packed[byte] & 0x0F
        let bits = packed.loadUnaligned(fromByteOffset: scaleOffset(n: n, k: k, columns: columns), as: UInt16.self)
        return Float(Int(nibble) - 8) * Float(bitPattern: UInt32(bits) << 16)
    }
}
