import Foundation

/// A file that appears under its name either complete or not at all.
///
/// The bytes go to a temporary file in the same folder. ``commit()`` waits until they are on the disk and renames it;
/// an object that is released uncommitted, after an error or otherwise, removes it, and ``removeUnfinished()`` does so
/// from a signal handler. A killed process leaves it behind as `.partial-` and a random number, which is harmless. The
/// file is written with `write` and never through a mapping, because a full disk is an error of the former and a bus
/// error of the latter.
///
/// The bytes are written in whole blocks of 2 MiB at multiples of 2 MiB. File systems that keep large folios (ext4
/// since Linux 6.16, XFS) then cache the file in huge pages, and a mapping gets them.
public final class AtomicFile: ByteSink {
    private static let blockSize = 2 << 20

    public let path: String
    /// The file that is replaced: what ``path`` names, links followed, so that a link stays a link.
    private let target: String
    private let temporaryPath: String
    private let descriptor: Int32
    /// The place of the temporary file among the ``UnfinishedFiles``.
    private let place: Int?
    private var count = 0
    /// The last appended bytes that are not written yet: less than a block.
    private let pending: UnsafeMutableRawBufferPointer
    private var pendingCount = 0
    private var isCommitted = false

    /// Creates the temporary file.
    /// - Parameter byteCount: the final size, reserved at once if the file system can, so that a disk with too little
    ///   room is found before the work is done.
    /// - Throws: ``FileError`` if the folder does not exist or may not be written, the disk has no room, or a file
    ///   cannot replace `path`.
    public init(path: String, reserving byteCount: Int = 0) throws {
        guard !path.isEmpty else { throw FileError("The name of the file to write is empty; give a path") }
        if let existing = FileIdentity(path: path), !existing.isRegular {
            let kind = existing.isFolder ? "a folder" : "not a regular file"
            throw FileError("\(path): is \(kind), and cannot be replaced by a file; give another name")
        }
        let name = ".partial-\(String(UInt64.random(in: .min ... .max), radix: 16))"
        let target = Self.target(of: path)
        let temporaryPath = Self.folder(of: target) + "/" + name
        // Register the path before creating the file, so that a signal in between cannot leave it behind.
        let place = UnfinishedFiles.add(temporaryPath)
        // The usual mode of new files; the user's umask restricts it.
        let descriptor = FilePath.withCString(temporaryPath) {
            open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        }
        guard descriptor >= 0 else {
            let code = errno
            UnfinishedFiles.remove(place)
            throw FileError(path: path, "cannot be created", code: code)
        }
        self.path = path
        self.target = target
        self.place = place
        self.temporaryPath = temporaryPath
        self.descriptor = descriptor
        pending = .allocate(byteCount: Self.blockSize, alignment: 4096)
        #if os(Linux)
            // Other failures mean that this file system cannot reserve; then the writes report a full disk.
            let failure = byteCount > 0 ? posix_fallocate(descriptor, 0, byteCount) : 0
            if failure == ENOSPC || failure == EFBIG {
                throw FileError(path: path, "cannot be written (\(byteCount) bytes)", code: failure)
            }
        #endif
    }

    deinit {
        pending.deallocate()
        if descriptor >= 0 { close(descriptor) }
        if !isCommitted { _ = FilePath.withCString(temporaryPath) { unlink($0) } }
        UnfinishedFiles.remove(place)
    }

    /// Removes the temporary files of this process that are not committed; their objects are unusable afterwards. This
    /// is for a signal handler that ends the process, and calls only what such a handler may call. Call it once outside
    /// of a handler before the first file is begun.
    public static func removeUnfinished() { UnfinishedFiles.unlinkAll() }

    private static func target(of path: String) -> String {
        guard let resolved = FilePath.withCString(path, { realpath($0, nil) }) else { return path }
        defer { free(resolved) }
        return FilePath.text(of: UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
    }

    /// The folder of a file, without a slash at its end. Foundation's own way crashes on names of one character
    /// (swift-corelibs-foundation of Swift 6.3).
    private static func folder(of path: String) -> Substring {
        path.lastIndex(of: "/").map { path[..<$0] } ?? "."
    }

    public func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let room = Self.blockSize - count % Self.blockSize
            let part: Slice<UnsafeRawBufferPointer>
            if pendingCount == 0, rest.count >= room {
                // Whole blocks are written without a copy.
                part = rest.prefix(room + (rest.count - room) / Self.blockSize * Self.blockSize)
                try write(UnsafeRawBufferPointer(rebasing: part), at: count)
            } else {
                part = rest.prefix(room)
                pending[pendingCount..<pendingCount + part.count].copyBytes(from: part)
                pendingCount += part.count
            }
            count += part.count
            if count % Self.blockSize == 0 { try writePending() }
            rest = rest.dropFirst(part.count)
        }
    }

    private func writePending() throws {
        try write(UnsafeRawBufferPointer(rebasing: pending[..<pendingCount]), at: count - pendingCount)
        pendingCount = 0
    }

    public func overwrite(at offset: Int, with bytes: UnsafeRawBufferPointer) throws {
        guard offset >= 0, offset <= count, bytes.count <= count - offset else {
            throw FileError("\(path): bytes \(offset) to \(offset + bytes.count) of \(count) cannot be replaced")
        }
        try writePending()
        try write(bytes, at: offset)
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let written = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                throw FileError(path: path, "cannot be written", code: written < 0 ? errno : ENOSPC)
            }
            done += written
        }
    }

    /// Puts the file under its name and replaces an existing one.
    /// - Throws: ``FileError``; an existing file of that name is then unchanged.
    public func commit() throws {
        guard !isCommitted else { return }
        try writePending()
        // Reserved but unused bytes must not follow the data.
        guard ftruncate(descriptor, off_t(count)) == 0, fsync(descriptor) == 0 else {
            throw FileError(path: path, "cannot be written", code: errno)
        }
        let renamed = FilePath.withCString(temporaryPath) { old in FilePath.withCString(target) { rename(old, $0) } }
        guard renamed == 0 else {
            throw FileError(path: path, "cannot be put in place", code: errno)
        }
        isCommitted = true
        // The name is part of the folder's data, so the folder is synced too. Some file systems cannot sync a folder,
        // and the file is complete either way.
        let folderDescriptor = FilePath.withCString(Self.folder(of: target) + "/") { open($0, O_RDONLY | O_CLOEXEC) }
        if folderDescriptor >= 0 {
            fsync(folderDescriptor)
            close(folderDescriptor)
        }
    }
}
