import Foundation

/// The colors of the lines of a diff, as ANSI numbers.
enum DiffColor: Int {
    case removed = 31, added = 32, place = 36

    init?(of line: String) {
        switch line.first {
        case "-": self = .removed
        case "+": self = .added
        case "@": self = .place
        default: return nil
        }
    }
}

extension Terminal {
    /// The text in a color, if standard output is a terminal and NO_COLOR is not set.
    static func colored(_ text: String, as color: DiffColor?) -> String {
        guard let color, isatty(STDOUT_FILENO) != 0, ProcessInfo.processInfo.environment["NO_COLOR"] == nil else {
            return text
        }
        return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
    }
}
