/// The record of one number type. Layouts extend it by the roles that the type has.
public protocol NumberFormat: Sendable {
    /// The name in the IR's text form, in plans and in options.
    static var name: String { get }

    /// Whether numbers of a row share scales. Then no single number and no vector can have the type, and it cannot store
    /// infinities and NaNs.
    static var isQuantized: Bool { get }

    /// The values nearest to `values` that the type can hold, by the rule that the IR defines for it.
    ///
    /// A plan's matrices may hold nearer values, because there is time to search for better scales when a matrix is packed.
    /// - Parameters:
    ///   - values: rows of `width` numbers, one after another.
    static func rounded(_ values: [Float], width: Int) -> [Float]
}

extension NumberFormat {
    public static var isQuantized: Bool { false }
}

/// A number type that the rows of a call can have.
public protocol RowLayout: NumberFormat {
    /// Whether a buffer holds its rows one after another without padding, so that callers can read and write it.
    static var isRowMajor: Bool { get }

    /// The bytes of the numbers of a row and of their scales, without padding.
    static func contentBytes(width: Int) -> Int

    /// The bytes that a buffer reserves for a row of `width` numbers: a multiple of ``bufferAlignment``, so that every
    /// buffer of an arena stays aligned.
    static func bytesPerRow(width: Int) -> Int
}

/// The alignment of buffers in an arena, in bytes: a cache line.
let bufferAlignment = 64

extension RowLayout {
    public static var isRowMajor: Bool { false }
}
