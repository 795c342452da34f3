/// A number type that matrices are stored in, with its layout in a plan.
///
/// A matrix has N outputs (rows) by K inputs (columns). It is stored in strips of ``stripOutputs`` outputs, each of which
/// depends on its own outputs only. A format may store more for each output behind all strips (``trailingBytes``).
public protocol WeightLayout: NumberFormat {
    /// The size and the scales of a matrix in a few words, after the name of the format, as a help text lists all formats.
    static var summary: String { get }

    /// The type of the rows that a matrix of this format is applied to.
    static var input: ElementType { get }

    /// The type of the numbers that the kernels multiply. A machine's peak is measured for it.
    static var product: ElementType { get }

    /// The maximum number of inputs of a matrix.
    static var maxColumns: Int { get }

    /// The outputs of a strip.
    static var stripOutputs: Int { get }

    /// The bytes that stand behind all strips for each output, including those that pad the last strip.
    static var trailingBytes: Int { get }

    /// The size of a matrix in bytes; nil if it overflows or an extent is negative.
    static func byteCount(rows: Int, columns: Int) -> Int?

    /// The bytes of a strip with `rows` outputs, without what stands behind all strips.
    static func stripBytes(rows: Int, columns: Int) -> Int

    /// The tensor as which a safetensors file declares a matrix: the file format's name of the element type, and extents.
    static func tensor(rows: Int, columns: Int) -> (type: String, extents: [Int])

    /// Rounds or quantizes the weights of up to ``stripOutputs`` outputs and packs them into one strip.
    /// - Parameters:
    ///   - source: `rows × columns` floats, row-major; finite ones if the format is quantized.
    ///   - strip: memory of at least ``stripBytes(rows:columns:)``, all of which are written.
    ///   - trailer: memory for ``trailingBytes`` of each output of a strip, all of which are written.
    static func packStrip(
        _ source: UnsafeBufferPointer<Float>, rows: Int, columns: Int, into strip: UnsafeMutableRawBufferPointer,
        trailer: UnsafeMutableRawBufferPointer)

    /// The weight of output `n` and input `k` of a stored matrix of `rows` outputs.
    static func element(_ packed: UnsafeRawBufferPointer, n: Int, k: Int, rows: Int, columns: Int) -> Float

    /// Some megabytes of strips with random weights of both signs, up to about 1/64: the magnitudes of a trained matrix
    /// that is some thousand columns wide. Any run of bytes from the start makes valid strips.
    static func randomStrips(_ random: inout Xorshift) -> [UInt8]

    /// What stands behind random strips for each output, ``trailingBytes`` long.
    static var randomTrailer: [UInt8] { get }
}

extension WeightLayout {
    public static var maxColumns: Int { .max }
    public static var stripOutputs: Int { 32 }
    public static var trailingBytes: Int { 0 }
    public static var randomTrailer: [UInt8] { [] }
}

/// A weight format whose strips are cut into blocks of the same size.
///
/// A matrix is padded to whole strips and blocks. A block holds ``blockColumns`` inputs of two panels of ``panel`` outputs.
/// A panel's row of 64 bytes is one row of an AMX tile or one AVX-512 register. Kernels read a strip from front to back, so
/// a pass over the matrix is one sequential stream. The layout is the same for every instruction set.
public protocol StripLayout: WeightLayout {
    /// The inputs of a block.
    static var blockColumns: Int { get }
    /// The bytes of a block.
    static var blockBytes: Int { get }
}

extension StripLayout {
    /// The outputs of a panel.
    static var panel: Int { 16 }

    /// The blocks of a strip of a matrix with `columns` inputs.
    static func blocks(columns: Int) -> Int { columns.roundedUp(to: blockColumns) / blockColumns }

    /// The strips of a matrix with `rows` outputs.
    static func strips(rows: Int) -> Int { rows.roundedUp(to: stripOutputs) / stripOutputs }

    public static func stripBytes(rows: Int, columns: Int) -> Int { stripBytes(columns: columns) }

    /// The bytes of a strip, which do not depend on how many of its outputs are padding.
    public static func stripBytes(columns: Int) -> Int { blocks(columns: columns) * blockBytes }

    public static func byteCount(rows: Int, columns: Int) -> Int? {
        let blocks = checkedRoundedUp(columns, to: blockColumns).map { $0 / blockColumns }
        let strips = checkedRoundedUp(rows, to: stripOutputs).map { $0 / stripOutputs }
        return checkedProduct(
            strips, checkedSum(checkedProduct(blocks, blockBytes), stripOutputs * trailingBytes))
    }
}
