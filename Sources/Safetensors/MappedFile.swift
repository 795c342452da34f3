import Foundation
import Synchronization

/// Immutable bytes at a fixed address while this object lives: a file mapped read-only, a finished
/// ``MemoryImage``, or memory that is part of the program.
///
/// A mapped file reads its pages on first use and gives them back under memory pressure, so a checkpoint larger than
/// memory can be open. If another process truncates the file while it is mapped, reading it ends in a bus error;
/// ``MappedRegions`` tells a signal handler which file it was. Replacing the file by a rename is safe.
// Unchecked, because the only mutable state is the mapping itself, which nothing writes and which is unmapped in
// deinit.
public final class MappedFile: @unchecked Sendable {
    /// The path, or the given name of bytes in memory, for messages.
    public let name: String
    /// The first byte. The pointer is valid as long as this object, which its user has to keep; ``withUnsafeBytes(_:)``
    /// is the safe way. It is a page boundary unless the memory is part of the program.
    public let unownedBytes: UnsafeRawBufferPointer
    private let backing: Backing

    /// The number of bytes.
    public var count: Int { unownedBytes.count }

    private enum Backing {
        /// A mapped file, whose pages can be read again.
        case file
        /// A mapping of memory that has no file behind it.
        case memory
        /// Memory of the program, which this object does not unmap.
        case program
    }

    /// Maps the regular file at `path`.
    /// - Throws: ``FileError`` if it is missing, unreadable, or not a regular file.
    public init(path: String) throws {
        // Opening a named pipe without O_NONBLOCK would wait for a writer.
        let descriptor = FilePath.withCString(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
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
        MappedRegions.add(unownedBytes, path: path)
        Self.versions.withLock { $0[path] = FileVersion(status) }
        #if os(Linux)
            // Every step reads the weights from front to back. Huge pages save most of the address translation, and
            // reading the disk 2 MiB at a time saves most of the waiting. This is advice that few file systems can
            // follow.
            madvise(address, size, MADV_HUGEPAGE)
        #endif
    }

    /// A view of bytes that live as long as the process, such as the embedded checkpoint.
    /// - Parameter name: their name in messages.
    public init(name: String, permanent bytes: UnsafeRawBufferPointer) {
        self.name = name
        unownedBytes = bytes
        backing = .program
    }

    /// Takes ownership of a whole mapping, which must not be writable any more.
    init(name: String, takingMapping bytes: UnsafeRawBufferPointer) {
        self.name = name
        unownedBytes = bytes
        backing = bytes.count > 0 ? .memory : .program
    }

    deinit {
        switch backing {
        case .file:
            MappedRegions.remove(unownedBytes)
            munmap(UnsafeMutableRawPointer(mutating: unownedBytes.baseAddress), unownedBytes.count)
        case .memory: munmap(UnsafeMutableRawPointer(mutating: unownedBytes.baseAddress), unownedBytes.count)
        case .program: break
        }
    }

    // MARK: Changes

    /// The state of the file at each path that was mapped.
    private static let versions = Mutex<[String: FileVersion]>([:])

    /// Checks that no file that has been mapped was written to since. A file that was replaced by another one, or that is
    /// gone, is as it was for who has it mapped.
    /// - Throws: ``FileError`` for a file that was changed in its place.
    public static func checkUnchanged() throws {
        for (path, version) in versions.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            var status = stat()
            guard FilePath.withCString(path, { stat($0, &status) }) == 0 else { continue }
            let now = FileVersion(status)
            if now.identity == version.identity, now != version {
                throw FileError("\(path): was changed while it was in use, so what was computed from it may be wrong")
            }
        }
    }

    private struct FileVersion: Equatable {
        var identity: FileIdentity
        var size: Int
        var modified: [Int]

        init(_ status: stat) {
            identity = FileIdentity(status)
            size = Int(status.st_size)
            modified = [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
        }
    }

    /// Releases the pages of a range of bytes that is not read again soon. The system may keep them in its cache, and
    /// they can be read again. Does nothing for bytes without a file.
    /// - Parameter range: bytes from the start of the file. A part outside of it is ignored.
    public func release(_ range: Range<Int>) {
        guard case .file = backing, let start = unownedBytes.baseAddress else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let range = range.clamped(to: 0..<count)
        guard page > 0, !range.isEmpty else { return }
        let first = range.lowerBound / page * page
        // Pages on the edge are released too: readers of their other bytes get them from the system's cache.
        madvise(UnsafeMutableRawPointer(mutating: start + first), range.upperBound - first, MADV_DONTNEED)
    }

    /// Calls `body` with the bytes, which must not escape from it.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(unownedBytes) }
    }

    /// The bytes as text.
    /// - Throws: ``FileError`` if they are not valid UTF-8.
    public func text() throws -> String {
        guard let text = withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw FileError("\(name): is not valid UTF-8 text")
        }
        return text
    }
}
