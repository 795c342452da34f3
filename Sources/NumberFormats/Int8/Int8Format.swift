/// Weights of 8 bits: integers from −127 to 127, and an f32 scale for each output.
///
/// A block is 32 × 64: two panels of 16 outputs. A panel holds 16 quads of inputs, and a quad is 16 outputs × 4 inputs,
/// 64 bytes: a row of an AMX tile, or an AVX-512 register of `vpdpbusd` operands. The scales stand behind all strips.
public enum Int8Format: StripLayout {
    public static let name = "int8"
    public static let isQuantized = true

    /// The scale of a row follows from its largest magnitude, as that of a q8 row.
    public static func rounded(_ values: [Float], width: Int) -> [Float] { Q8Format.rounded(values, width: width) }

    public static let summary = "takes a quarter, with a scale per output"

    public static var input: ElementType { .q8 }
    public static var product: ElementType { .int8 }

    /// A row's products sum to no more than an i32 holds in every kernel: AVX-512 multiplies codes raised by 128, so that
    /// a product is 255 · 127 at most.
    public static let maxColumns = 1 << 16

    public static let blockColumns = 64
    public static let blockBytes = 32 * blockColumns
    public static let trailingBytes = 4

    /// The largest code; the smallest is its negative, as in q8 rows.
    static let maxCode = Q8Format.maxCode

    private static let quad = 4

    /// The codes of an output and its scale are a row of the tensor, although the file has all scales behind all codes.
    public static func tensor(rows: Int, columns: Int) -> (type: String, extents: [Int]) {
        ("I8", [rows.roundedUp(to: stripOutputs), columns.roundedUp(to: blockColumns) + trailingBytes])
    }

    /// The place of the code of output `n`, input `k` in the packed matrix, in bytes.
    public static func offset(n: Int, k: Int, columns: Int) -> Int {
        n / stripOutputs * stripBytes(columns: columns) + k / blockColumns * blockBytes
            + n % stripOutputs / panel * panel * blockColumns + k % blockColumns / quad * quad * panel
            + n % panel * quad + k % quad
    }

    /// The place of the first scale, in bytes.
    public static func scalesOffset(rows: Int, columns: Int) -> Int {
        strips(rows: rows) * stripBytes(columns: columns)
    }

    public static func packStrip(
        _ source: UnsafeBufferPointer<Float>, rows: Int, columns: Int, into strip: UnsafeMutableRawBufferPointer,
        trailer: UnsafeMutableRawBufferPointer
    ) {
        let scales = trailer.bindMemory(to: Float.self)
        precondition((0...stripOutputs).contains(rows) && source.count >= rows * columns)
        precondition(strip.count >= stripBytes(columns: columns) && scales.count >= stripOutputs)
        if rows < stripOutputs { strip.initializeMemory(as: Int8.self, repeating: 0) }
        scales.update(repeating: 0)
        let width = columns.roundedUp(to: blockColumns)
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: width) { codes in
            codes.initialize(repeating: 0)
            let quads = UnsafeRawBufferPointer(codes)
            for n in 0..<rows {
                let row = UnsafeBufferPointer(rebasing: source[n * columns..<(n + 1) * columns])
                scales[n] = Int8Quantizer.quantize(row, into: codes)
                for k in stride(from: 0, to: width, by: quad) {
                    strip.storeBytes(
                        of: quads.loadUnaligned(fromByteOffset: k, as: UInt32.self),
                        toByteOffset: offset(n: n, k: k, columns: columns), as: UInt32.self)
                }
            }
        }
    }

    public static func element(_ packed: UnsafeRawBufferPointer, n: Int, k: Int, rows: Int, columns: Int) -> Float {
        let code = packed.load(fromByteOffset: offset(n: n, k: k, columns: columns), as: Int8.self)
        let scale = packed.loadUnaligned(
            fromByteOffset: scalesOffset(rows: rows, columns: columns) + n * trailingBytes, as: Float.self)
        return Float(code) * scale
    }

    public static func randomStrips(_ random: inout Xorshift) -> [UInt8] {
        // Odd codes, because −128 is not a code.
        random.bytes(words: 1 << 20, setting: 0x0101_0101_0101_0101)
    }

    /// The largest code times the scale is about 1/64.
    public static var randomTrailer: [UInt8] { withUnsafeBytes(of: Float(0x1p-13)) { Array($0) } }
}

extension ElementType {
    /// Integers from −127 to 127 times an f32 scale for each output of a matrix.
    public static var int8: ElementType { ElementType(Int8Format.self) }
}
