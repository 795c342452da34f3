import Failures
import Foundation

/// A file cannot be opened, mapped or written. The sentence names it.
public typealias FileError = Failure<MappedFile>

extension FileError {
    /// The sentence is `path: action: reason`, where the reason is the system's text for the error number `code`.
    init(path: String, _ action: String, code: Int32) {
        let advice =
            switch code {
            case ENOSPC, EDQUOT: "; free some space or choose another place"
            case EFBIG: "; the file system cannot hold a file of this size"
            default: ""
            }
        self.init("\(path): \(action): \(String(cString: strerror(code)))\(advice)")
    }
}
