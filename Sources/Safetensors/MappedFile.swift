import Foundation

/// Bytes that do not change and stay where they are while this object lives: a file mapped read-only, a finished
/// ``MemoryImage``, or memory that is part of the program.
///
/// A mapped file reads its pages on first use and gives them back under memory pressure, so a checkpoint larger than
/// memory can be open. Another process that cuts the file short while it is mapped ends this one with a bus error, as
/// it would any program that maps files; files replaced by a rename are safe.
// Unchecked: the only mutable thing is the mapping itself, which nobody writes and which is unmapped in deinit.
public final class MappedFile: @unchecked Sendable {
    /// The path, or the name that was given for bytes in memory. For messages.
    public let name: String
    /// Valid as long as this object, which whoever keeps the pointer has to keep too; ``withUnsafeBytes(_:)`` is the safe
    /// way. Starts at a page boundary unless the memory was the program's own.
    public let unownedBytes: UnsafeRawBufferPointer
    private let backing: Backing

    /// Bytes.
    public var count: Int { unownedBytes.count }

    private enum Backing {
        /// A mapped file, whose pages can be read again.
        case file
        /// A mapping of memory that has no file behind it.
        case memory
        /// Not this object's to unmap.
        case program
    }

    /// Maps the regular file at `path`.
    /// - Throws: ``FileError`` when it is missing, unreadable, or not a regular file.
    public init(path: String) throws {
        // Opening a named pipe without O_NONBLOCK would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: path, "cannot be opened", code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw FileError(path: path, "cannot be examined", code: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let kind = status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "not a regular file"
            throw FileError("\(path): is \(kind), where a file was expected")
        }
        name = path
        let size = Int(status.st_size)
        if size == 0 {
            // A mapping may not be empty.
            unownedBytes = UnsafeRawBufferPointer(start: nil, count: 0)
            backing = .program
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw FileError(path: path, "cannot be mapped into memory", code: errno)
        }
        unownedBytes = UnsafeRawBufferPointer(start: address, count: size)
        backing = .file
        #if os(Linux)
            // Weights are read front to back in every step; huge pages spare most of the address translation, and reading
            // the disk 2 MiB at a time the rest of the waiting. A wish only, which few file systems can grant.
            madvise(address, size, MADV_HUGEPAGE)
        #endif
    }

    /// Bytes that live as long as the process, such as a checkpoint inside the binary.
    /// - Parameter name: what messages call them.
    public init(name: String, permanent bytes: UnsafeRawBufferPointer) {
        self.name = name
        unownedBytes = bytes
        backing = .program
    }

    /// Takes over a whole mapping, which must not be writable any more.
    init(name: String, takingMapping bytes: UnsafeRawBufferPointer) {
        self.name = name
        unownedBytes = bytes
        backing = bytes.count > 0 ? .memory : .program
    }

    deinit {
        switch backing {
        case .file, .memory: munmap(UnsafeMutableRawPointer(mutating: unownedBytes.baseAddress), unownedBytes.count)
        case .program: break
        }
    }

    /// Lets the pages of a range of bytes leave this process's memory, for what is not read again soon. They stay in the
    /// system's cache as long as it sees fit and may be read again. Does nothing where there is no file behind the bytes.
    /// - Parameter range: bytes from the start of the file. What is outside of it is ignored.
    public func release(_ range: Range<Int>) {
        guard case .file = backing, let start = unownedBytes.baseAddress else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let range = range.clamped(to: 0..<count)
        guard page > 0, !range.isEmpty else { return }
        let first = range.lowerBound / page * page
        // Pages on the edge go too: who reads their other bytes gets them from the system's cache.
        madvise(UnsafeMutableRawPointer(mutating: start + first), range.upperBound - first, MADV_DONTNEED)
    }

    /// Gives `body` the bytes, which it must not let escape.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(unownedBytes) }
    }

    /// The bytes as text.
    /// - Throws: ``FileError`` when they are not valid UTF-8.
    public func text() throws -> String {
        guard let text = withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw FileError("\(name): is not valid UTF-8 text")
        }
        return text
    }
}
