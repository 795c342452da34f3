/// The packed layout of int8 matrices, one for every instruction set: codes from −127 to 127, and a scale for each output.
///
/// A matrix of N outputs by K inputs is padded with zeros to N32 and K64, multiples of 32 and 64, and cut into strips of 32
/// outputs; a strip is K64/64 blocks of 32 × 64, and a block is two panels of 16 outputs. A panel holds 16 quads of inputs,
/// and a quad is 16 outputs × 4 inputs, 64 bytes: a row of an AMX tile, or an AVX-512 register of `vpdpbusd` operands.
/// After all strips stand N32 f32 scales.
public enum PackedInt8 {
    /// Outputs of a strip.
    public static let strip = 32
    /// Inputs of a block.
    public static let block = 64

    /// The widest matrix whose products of a row sum to no more than an i32 holds in every kernel: AVX-512 multiplies codes
    /// raised by 128, so that a product is 255 · 127 at most.
    public static let maxColumns = 1 << 16

    static let panel = 16
    static let quad = 4

    /// Bytes of one packed strip of a matrix with `columns` inputs, without its scales.
    public static func stripBytes(columns: Int) -> Int { strip * rounded(columns, to: block) }

    /// The place of the code of output `n`, input `k` in the packed matrix, in bytes.
    public static func offset(n: Int, k: Int, columns: Int) -> Int {
        n / strip * stripBytes(columns: columns) + k / block * block * strip + n % strip / panel * panel * block
            + k % block / quad * quad * panel + n % panel * quad + k % quad
    }

    /// Where the scales begin, in bytes.
    public static func scalesOffset(rows: Int, columns: Int) -> Int {
        rounded(rows, to: strip) / strip * stripBytes(columns: columns)
    }

    /// Quantizes up to 32 rows of floats and packs them into one strip.
    /// - Parameters:
    ///   - source: `rows × columns` finite floats, row-major, with 0 ... 32 rows.
    ///   - packed: room for ``stripBytes(columns:)``; all of them are written.
    ///   - scales: room for 32; all are written, with zeros for rows that are not there.
    public static func packStrip(
        _ source: UnsafeBufferPointer<Float>, rows: Int, columns: Int, into packed: UnsafeMutableRawBufferPointer,
        scales: UnsafeMutableBufferPointer<Float>
    ) {
        precondition((0...strip).contains(rows) && source.count >= rows * columns)
        precondition(packed.count >= stripBytes(columns: columns) && scales.count >= strip)
        if rows < strip { packed.initializeMemory(as: Int8.self, repeating: 0) }
        scales.update(repeating: 0)
        let width = rounded(columns, to: block)
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: width) { codes in
            codes.initialize(repeating: 0)
            let quads = UnsafeRawBufferPointer(codes)
            for n in 0..<rows {
                let row = UnsafeBufferPointer(rebasing: source[n * columns..<(n + 1) * columns])
                scales[n] = Int8Quantizer.quantize(row, into: codes)
                for k in stride(from: 0, to: width, by: quad) {
                    packed.storeBytes(
                        of: quads.loadUnaligned(fromByteOffset: k, as: UInt32.self),
                        toByteOffset: offset(n: n, k: k, columns: columns), as: UInt32.self)
                }
            }
        }
    }

    /// The element at output `n`, input `k` of a packed matrix of `rows` outputs, scales and all, as a float.
    public static func element(_ packed: UnsafeRawBufferPointer, n: Int, k: Int, rows: Int, columns: Int) -> Float {
        let code = packed.load(fromByteOffset: offset(n: n, k: k, columns: columns), as: Int8.self)
        let scale = packed.loadUnaligned(
            fromByteOffset: scalesOffset(rows: rows, columns: columns) + n * 4, as: Float.self)
        return Float(code) * scale
    }
}

/// The next multiple of `multiple`.
func rounded(_ extent: Int, to multiple: Int) -> Int { (extent + multiple - 1) / multiple * multiple }
