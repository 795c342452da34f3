import Safetensors

/// A tensor of a ``Checkpoint``, known to be convertible to f32.
public struct CheckpointTensor: Sendable {
    /// As its file declares it.
    public let stored: StoredTensor
    let file: SafetensorsFile

    public var name: String { stored.name }
    /// F32, BF16 or F16.
    public var type: StoredType { stored.type }
    public var shape: [Int] { stored.shape }

    init(stored: StoredTensor, file: SafetensorsFile) {
        self.stored = stored
        self.file = file
    }

    /// The whole tensor, row-major.
    /// - Throws: `SafetensorsError`, which checking on opening rules out for a file that has not changed since.
    public func floats() throws -> [Float] {
        try file.floats(name)
    }

    /// Rows of the first extent, without allocating.
    /// - Parameter output: exactly `rows.count` times `stored.rowLength` elements.
    /// - Throws: `SafetensorsError` when the rows are not all in the tensor or `output` has another size.
    public func read(rows: Range<Int>, into output: UnsafeMutableBufferPointer<Float>) throws {
        try file.read(name, rows: rows, into: output)
    }

    /// Lets rows that have been read leave memory, so that a checkpoint larger than it passes through little of it. They
    /// can be read again.
    public func release(rows: Range<Int>) {
        file.release(rows, of: stored)
    }
}
