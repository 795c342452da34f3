import Dispatch

/// The checksum of a plan's data: the ``Checksum`` of the checksums of its chunks, each as 8 little-endian bytes. All cores
/// can check chunks at once.
public struct ChunkedChecksum {
    /// The bytes of every chunk except the last, which may have fewer. The file format fixes this number.
    public static let chunkSize = 16 << 20

    private var whole = Checksum()
    private var chunk = Checksum()
    /// The number of bytes in `chunk`.
    private var filled = 0

    public init() {}

    /// Adds bytes. The result does not depend on how all bytes are divided into calls.
    public mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.chunkSize - filled)
            chunk.add(UnsafeRawBufferPointer(rebasing: part))
            filled += part.count
            rest = rest.dropFirst(part.count)
            if filled == Self.chunkSize { endChunk() }
        }
    }

    private mutating func endChunk() {
        withUnsafeBytes(of: chunk.value().littleEndian) { whole.add($0) }
        chunk = Checksum()
        filled = 0
    }

    /// The checksum of all bytes so far.
    public func value() -> UInt64 {
        var copy = self
        if copy.filled > 0 { copy.endChunk() }
        return copy.whole.value()
    }

    /// The value as in a plan file: 16 hexadecimal digits.
    public var text: String { Checksum.text(value()) }

    /// Computes the checksum of bytes on all cores.
    public init(_ bytes: UnsafeRawBufferPointer) {
        // The last chunk may be incomplete and is added below.
        let count = max(0, (bytes.count - 1) / Self.chunkSize)
        let values = [UInt64](unsafeUninitializedCapacity: count) { values, initialized in
            // Only the type is unsafe: nothing writes the bytes, and every iteration has a value of its own.
            nonisolated(unsafe) let (values, bytes) = (values, bytes)
            DispatchQueue.concurrentPerform(iterations: count) { index in
                let start = index * Self.chunkSize
                var checksum = Checksum()
                checksum.add(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Self.chunkSize]))
                values.initializeElement(at: index, to: checksum.value())
            }
            initialized = count
        }
        for value in values { withUnsafeBytes(of: value.littleEndian) { whole.add($0) } }
        add(UnsafeRawBufferPointer(rebasing: bytes[(count * Self.chunkSize)...]))
    }
}
