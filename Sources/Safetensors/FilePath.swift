import Foundation

/// The text form of file paths. A path is a string of bytes (POSIX), and one that is not UTF-8 has to reach the system
/// as it was given.
///
/// A byte that is not part of UTF-8 text becomes a character at the end of the last plane of private use, U+10FF00 plus
/// the byte; the bytes of such a character become four of them. So every path has one text and every text one path.
public enum FilePath {
    private static let escapes: ClosedRange<UInt32> = 0x10_FF80...0x10_FFFF
    private static let base: UInt32 = 0x10_FF00

    /// The text of a path that the system gave.
    public static func text(of bytes: some Collection<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        var rest = Array(bytes)[...]
        while let first = rest.first {
            var iterator = rest.makeIterator()
            var decoder = UTF8()
            if case .scalarValue(let scalar) = decoder.decode(&iterator), !escapes.contains(scalar.value) {
                text.append(scalar)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                if let escape = Unicode.Scalar(base + UInt32(first)) { text.append(escape) }
                rest = rest.dropFirst()
            }
        }
        return String(text)
    }

    /// The bytes of a path, without a zero at the end.
    public static func bytes(of text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { scalar in
            escapes.contains(scalar.value) ? [UInt8(scalar.value - base)] : Array(UTF8.encode(scalar) ?? .init())
        }
    }

    /// The text as people read it: what is not UTF-8 is the replacement character.
    public static func readable(_ text: String) -> String {
        text.unicodeScalars.contains { escapes.contains($0.value) }
            ? String(decoding: bytes(of: text), as: UTF8.self) : text
    }

    /// Calls `body` with the path as the system takes it.
    static func withCString<Result>(_ text: String, _ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result
    {
        let characters = bytes(of: text).map { CChar(bitPattern: $0) } + [0]
        return try characters.withUnsafeBufferPointer { buffer in
            // The array has at least the zero.
            try withUnsafePointer(to: 0 as CChar) { try body(buffer.baseAddress ?? $0) }
        }
    }

    /// A kind of file, links followed.
    public enum Kind { case file, folder }

    /// - Returns: nil if there is nothing.
    public static func kind(of path: String) -> Kind? {
        FileIdentity(path: path).map { $0.isFolder ? .folder : .file }
    }

    /// Whether there is something at a path, be it a link to nothing.
    public static func exists(_ path: String) -> Bool {
        var status = stat()
        return withCString(path) { lstat($0, &status) } == 0
    }

    /// The contents of a file or a pipe.
    /// - Throws: ``FileError`` if it cannot be opened or read.
    public static func contents(of path: String) throws -> Data {
        let descriptor = withCString(path) { open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw FileError(path: path, "cannot be opened", code: errno) }
        do {
            return try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).readToEnd() ?? Data()
        } catch {
            throw FileError("\(path): cannot be read as a file")
        }
    }

    /// Writes to a pipe or a device, which exists.
    /// - Throws: ``FileError`` if it cannot be opened or written to.
    public static func write(_ data: Data, toStream path: String) throws {
        let descriptor = withCString(path) { open($0, O_WRONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw FileError(path: path, "cannot be opened for writing", code: errno) }
        do {
            try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(contentsOf: data)
        } catch {
            throw FileError("\(path): cannot be written to")
        }
    }

    /// The names of everything in a folder, in no order.
    /// - Returns: nil if it cannot be listed.
    public static func names(in folder: String) -> [String]? {
        guard let stream = withCString(folder, { opendir($0) }) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if bytes != Array(".".utf8), bytes != Array("..".utf8) { names.append(text(of: bytes)) }
        }
        return names
    }
}
