import Foundation

/// A file in memory: its bytes start at a page boundary, like those of a mapped file.
public final class MemoryImage: ByteSink {
    private let name: String
    private var buffer: UnsafeMutableRawBufferPointer
    private var count = 0

    /// - Parameters:
    ///   - name: its name in messages.
    ///   - byteCount: the exact size.
    /// - Throws: ``FileError`` if there is not that much memory.
    public init(name: String, byteCount: Int) throws {
        self.name = name
        guard byteCount > 0 else {
            guard byteCount == 0 else { throw FileError("\(name): cannot have \(byteCount) bytes") }
            buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            address != MAP_FAILED
        else {
            throw FileError(path: name, "cannot get \(byteCount) bytes of memory", code: errno)
        }
        #if os(Linux)
            // Every step reads the weights from front to back, and huge pages save most of the address translation.
            // This is advice.
            madvise(address, byteCount, MADV_HUGEPAGE)
        #endif
        buffer = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }

    deinit {
        if let address = buffer.baseAddress { munmap(address, buffer.count) }
    }

    public func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count <= buffer.count - count else {
            throw FileError("\(name): \(bytes.count) bytes do not fit behind \(count) of \(buffer.count)")
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count + bytes.count]).copyMemory(from: bytes)
        count += bytes.count
    }

    public func overwrite(at offset: Int, with bytes: UnsafeRawBufferPointer) throws {
        guard offset >= 0, offset <= count, bytes.count <= count - offset else {
            throw FileError("\(name): bytes \(offset) to \(offset + bytes.count) of \(count) cannot be replaced")
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<offset + bytes.count]).copyMemory(from: bytes)
    }

    /// Makes the memory read-only and passes it on; this object is empty afterwards.
    /// - Throws: ``FileError`` if fewer bytes were appended than announced.
    public func finish() throws -> MappedFile {
        guard count == buffer.count else {
            throw FileError("\(name): has \(count) of its \(buffer.count) bytes")
        }
        if let address = buffer.baseAddress { mprotect(address, buffer.count, PROT_READ) }
        let file = MappedFile(name: name, takingMapping: UnsafeRawBufferPointer(buffer))
        buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        count = 0
        return file
    }
}
