/// Weights of 4 bits: integers from −8 to 7, and a bf16 scale for every 32 inputs of an output.
///
/// A block is 32 × 64: two panels of 16 outputs, 512 bytes each, then 64 scales. A panel's row r of 64 bytes holds inputs
/// 4r … 4r + 3 of the block's first 32 in its low nibbles and the same of the second 32 in its high nibbles, so that one load
/// and a mask give the operands of two quads in the order of ``Int8Format``. A nibble is a code plus 8.
public enum Int4Format: StripLayout {
    public static let name = "int4"
    public static let isQuantized = true

    public static func rounded(_ values: [Float], width: Int) -> [Float] {
        roundedInGroups(values, of: group, width: width) { group in
            let magnitude = group.reduce(Float(0)) { max($0, abs($1)) }
            let scale = (magnitude / codes.upperBound).roundedToBF16
            guard scale > 0 else { return group.map { _ in 0 } }
            return group.map {
                min(max(($0 / scale).rounded(.toNearestOrEven), codes.lowerBound), codes.upperBound) * scale
            }
        }
    }

    /// The codes. ``rounded(_:width:)`` makes scales for the largest one; only searches for better scales use the smallest.
    static let codes: ClosedRange<Float> = -8...7

    public static let summary = "takes a seventh, with a scale per 32 inputs"

    public static var input: ElementType { .q8 }
    /// Kernels unpack nibbles to bytes.
    public static var product: ElementType { .int4 }

    /// The inputs that share a scale.
    public static let group = 32

    public static let blockColumns = 64
    public static let blockBytes = nibbleBytes + blockColumns / group * 32 * 2

    private static let quad = 4
    /// The bytes of a panel's nibbles, and of a block's.
    private static let panelBytes = panel * blockColumns / 2
    private static let nibbleBytes = 2 * panelBytes
    /// The byte of two zero codes.
    private static let zeros: UInt8 = 0x88

    public static func tensor(rows: Int, columns: Int) -> (type: String, extents: [Int]) {
        ("U8", [strips(rows: rows), blocks(columns: columns), blockBytes])
    }

    /// The byte of the code of output `n`, input `k` in the packed matrix, and whether it is the high nibble.
    public static func place(n: Int, k: Int, columns: Int) -> (byte: Int, isHigh: Bool) {
        let byte =
            n / stripOutputs * stripBytes(columns: columns) + k / blockColumns * blockBytes
            + n % stripOutputs / panel * panelBytes + k % group / quad * quad * panel + n % panel * quad + k % quad
        return (byte, k % blockColumns >= group)
    }

    /// The place of the scale of output `n`, input `k`, in bytes.
    public static func scaleOffset(n: Int, k: Int, columns: Int) -> Int {
        n / stripOutputs * stripBytes(columns: columns) + k / blockColumns * blockBytes + nibbleBytes
            + (k % blockColumns / group * stripOutputs + n % stripOutputs) * 2
    }

    public static func packStrip(
        _ source: UnsafeBufferPointer<Float>, rows: Int, columns: Int, into strip: UnsafeMutableRawBufferPointer,
        trailer: UnsafeMutableRawBufferPointer
    ) {
        precondition((0...stripOutputs).contains(rows) && source.count >= rows * columns)
        precondition(strip.count >= stripBytes(columns: columns))
        if rows < stripOutputs {
            fillWithZeros(UnsafeMutableRawBufferPointer(rebasing: strip[..<stripBytes(columns: columns)]))
        }
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: blockColumns) { codes in
            codes.initialize(repeating: 0)
            let quads = UnsafeRawBufferPointer(codes)
            for n in 0..<rows {
                let row = source[n * columns..<(n + 1) * columns]
                for first in stride(from: 0, to: columns, by: blockColumns) {
                    codes.update(repeating: 0)
                    for k in [first, first + group] {
                        let weights = row.dropFirst(k).prefix(group)
                        let scale = Int4Quantizer.quantize(
                            UnsafeBufferPointer(rebasing: weights),
                            into: UnsafeMutableBufferPointer(rebasing: codes[(k - first)...]))
                        strip.storeBytes(
                            of: scale.bf16Bits, toByteOffset: scaleOffset(n: n, k: k, columns: columns),
                            as: UInt16.self)
                    }
                    for k in stride(from: 0, to: group, by: quad) {
                        let low = nibbles(quads.loadUnaligned(fromByteOffset: k, as: UInt32.self))
                        let high = nibbles(quads.loadUnaligned(fromByteOffset: group + k, as: UInt32.self))
                        strip.storeBytes(
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

    public static func element(_ packed: UnsafeRawBufferPointer, n: Int, k: Int, rows: Int, columns: Int) -> Float {
        let (byte, isHigh) = place(n: n, k: k, columns: columns)
        let nibble = isHigh ? packed[byte] >> 4 : packed[byte] & 0x0F
        let scale = packed.loadUnaligned(fromByteOffset: scaleOffset(n: n, k: k, columns: columns), as: UInt16.self)
        return Float(Int(nibble) - 8) * Float(bf16: scale)
    }

    public static func randomStrips(_ random: inout Xorshift) -> [UInt8] {
        // The largest code times the scale is 1/64. Nibbles may be anything.
        let scale = Float(0x1p-9).bf16Bits
        let scales = (nibbleBytes..<blockBytes).map { UInt8(truncatingIfNeeded: $0 % 2 == 0 ? scale : scale >> 8) }
        var bytes: [UInt8] = []
        let blocks = 1 << 13
        bytes.reserveCapacity(blocks * blockBytes)
        for _ in 0..<blocks { bytes += random.bytes(words: nibbleBytes / 8) + scales }
        return bytes
    }
}

extension ElementType {
    /// Integers from −8 to 7 times a bf16 scale for every 32 inputs of an output of a matrix.
    public static var int4: ElementType { ElementType(Int4Format.self) }
}
