import Foundation
import Reports
import Safetensors

/// Writing to the user: results to standard output, everything about them to standard error.
enum Terminal {
    static var showsProgress: Bool { isatty(STDERR_FILENO) != 0 }

    static func note(_ text: String) { remark(text + "\n") }

    /// Writes to standard error as it is. A failure has nobody left to be told of it, and does not end the command.
    static func remark(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    /// All of standard input.
    /// - Throws: ``CommandError`` when it cannot be read.
    static func inputData() throws -> Data {
        try Interrupt.endingAtOnce {
            do {
                return try FileHandle.standardInput.readToEnd() ?? Data()
            } catch {
                throw CommandError("Standard input cannot be read: \(reason(error)).")
            }
        }
    }

    /// All of standard input as text.
    /// - Throws: ``CommandError`` when it is not UTF-8.
    static func input() throws -> String {
        guard let text = String(validating: try inputData(), as: UTF8.self) else {
            throw CommandError("Standard input is not UTF-8 text.")
        }
        return text
    }

    /// Writes to standard output at once.
    /// - Throws: ``CommandError`` when that cannot be done.
    static func write(_ text: String) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw CommandError("Standard output cannot be written to: \(reason(error)).")
        }
    }

    /// What the system says, without what Foundation wraps it in.
    private static func reason(_ error: any Error) -> String {
        let outer = error as NSError
        let inner = outer.userInfo[NSUnderlyingErrorKey] as? NSError ?? outer
        return inner.domain == NSPOSIXErrorDomain ? String(cString: strerror(Int32(inner.code))) : "\(error)"
    }

    /// Fails before a long work, rather than after it, when nothing can be written there.
    static func checkPlace(_ path: String) throws { _ = try AtomicFile(path: path) }

    /// Writes to a file, which appears when it is complete; without one to standard output.
    static func write(_ text: String, to path: String?) throws {
        guard let path else { return try write(text) }
        let file = try AtomicFile(path: path)
        try Data(text.utf8).withUnsafeBytes { try file.append($0) }
        try file.commit()
    }

    /// Writes one JSON object or array to standard output, as ``ReportJSON`` spells it.
    static func writeJSON(_ value: some Encodable) throws { try write(ReportJSON.text(of: value) + "\n") }
}
