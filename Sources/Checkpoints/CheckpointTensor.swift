import Safetensors

/// A tensor of a ``Checkpoint`` that is known to be convertible to f32.
public struct CheckpointTensor: Sendable {
    /// The tensor as its file declares it.
    public let stored: StoredTensor
    let file: SafetensorsFile

    public var name: String { stored.name }
    /// The stored type, which ``TensorConversion`` can read.
    public var type: StoredType { stored.type }
    public var shape: [Int] { stored.shape }

    init(stored: StoredTensor, file: SafetensorsFile) {
        self.stored = stored
        self.file = file
    }

    /// The numbers of the whole tensor, row-major.
    /// - Throws: `SafetensorsError` only if the file has changed since it was opened and checked.
    public func floats() throws -> [Float] {
        try file.floats(name)
    }

    /// Converts rows of the first extent, without allocating.
    /// - Parameter output: exactly `rows.count` times `stored.rowLength` elements.
    /// - Throws: `SafetensorsError` if the rows are not all in the tensor or `output` has another size.
    public func read(rows: Range<Int>, into output: UnsafeMutableBufferPointer<Float>) throws {
        try file.read(name, rows: rows, into: output)
    }

    /// Whether this tensor and another of the same shape hold the same bits, after both became f32.
    func isEqual(to other: CheckpointTensor) throws -> Bool {
        let rows = max(1, (1 << 20) / max(1, stored.rowLength))
        for first in stride(from: 0, to: stored.rowCount, by: rows) {
            let range = first..<min(first + rows, stored.rowCount)
            guard try bits(range) == other.bits(range) else { return false }
            release(rows: range)
            other.release(rows: range)
        }
        return true
    }

    private func bits(_ rows: Range<Int>) throws -> [UInt32] {
        var floats = [Float](repeating: 0, count: rows.count * stored.rowLength)
        try floats.withUnsafeMutableBufferPointer { try read(rows: rows, into: $0) }
        return floats.map(\.bitPattern)
    }

    /// Releases the pages of rows that have been read, so that a checkpoint larger than memory can be read through.
    /// They can be read again.
    public func release(rows: Range<Int>) {
        file.release(rows, of: stored)
    }
}
