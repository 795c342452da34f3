import Dispatch

/// The checksum of a plan's data: the ``Checksum`` of the checksums of its chunks, each as 8 little-endian bytes. Chunks
/// can be checked by all cores at once.
public struct ChunkedChecksum {
    /// Bytes of every chunk but the last, which may have fewer: 16 MiB. Part of the file format.
    public static let chunkSize = 16 << 20

    private var whole = Checksum()
    private var chunk = Checksum()
    /// Bytes in `chunk`.
    private var filled = 0

    public init() {}

    /// Goes on with more bytes; how they are divided does not matter.
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

    /// As the plan file spells it: 16 hexadecimal digits.
    public var text: String { Checksum.text(value()) }

    /// The checksum of bytes that are all there, by all cores.
    public init(_ bytes: UnsafeRawBufferPointer) {
        // All but the last, which the other way of adding takes, since it may be incomplete.
        let count = max(0, (bytes.count - 1) / Self.chunkSize)
        let values = [UInt64](unsafeUninitializedCapacity: count) { values, initialized in
            // Unsafe only by type: nobody writes the bytes, and every iteration has a value of its own.
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
