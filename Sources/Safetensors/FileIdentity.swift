import Foundation

/// The device of a file and its number there, which tell it from all others, whatever its name.
public struct FileIdentity: Equatable {
    private let device: UInt64
    private let number: UInt64
    private let kind: mode_t

    /// The file at a path, links followed; nil if there is none.
    public init?(path: String) {
        var status = stat()
        guard FilePath.withCString(path, { stat($0, &status) }) == 0 else { return nil }
        self.init(status)
    }

    /// The file that is open as a descriptor; nil if none is.
    public init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
        kind = status.st_mode & S_IFMT
    }

    public var isRegular: Bool { kind == S_IFREG }
    public var isFolder: Bool { kind == S_IFDIR }
}
