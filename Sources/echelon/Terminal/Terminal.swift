import Foundation
import Reports
import Safetensors

/// Input and output of the commands: results go to standard output, remarks about them to standard error.
enum Terminal {
    static var showsProgress: Bool { isatty(STDERR_FILENO) != 0 }

    static func note(_ text: String) { remark(text + "\n") }

    /// Writes text to standard error without a line break. A failure is ignored, because it could not be reported anywhere.
    static func remark(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(FilePath.readable(text).utf8))
    }

    /// All of standard input.
    /// - Throws: ``CommandError`` if it cannot be read.
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
    /// - Throws: ``CommandError`` if it is not UTF-8.
    static func input() throws -> String {
        guard let text = String(validating: try inputData(), as: UTF8.self) else {
            throw CommandError("Standard input is not UTF-8 text.")
        }
        return text
    }

    /// Writes to standard output, without a buffer.
    /// - Throws: ``CommandError`` if that fails.
    static func write(_ text: String) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw CommandError("Standard output cannot be written to: \(reason(error)).")
        }
    }

    /// The system's message, without the error that Foundation wraps around it.
    private static func reason(_ error: any Error) -> String {
        let outer = error as NSError
        let inner = outer.userInfo[NSUnderlyingErrorKey] as? NSError ?? outer
        return inner.domain == NSPOSIXErrorDomain ? String(cString: strerror(Int32(inner.code))) : "\(error)"
    }

    /// Writes one JSON object or array to standard output, as ``ReportJSON`` spells it.
    static func writeJSON(_ value: some Encodable) throws { try write(ReportJSON.text(of: value) + "\n") }
}
