import Foundation

/// An error for a file that could not be opened, mapped or written: one sentence that names it.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    /// An error `path: action: reason`, with the system's text for `code`, an `errno`.
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
