import Foundation

/// Why a file could not be opened, mapped or written: one sentence that names it.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    /// `path: action: why`, the reason being what the system says of `code`, an `errno`.
    init(path: String, _ action: String, code: Int32) {
        let advice =
            switch code {
            case ENOSPC, EDQUOT: "; free some space or choose another place"
            case EFBIG: "; the file system cannot hold a file of this size"
            default: ""
            }
        description = "\(path): \(action): \(String(cString: strerror(code)))\(advice)"
    }
}
