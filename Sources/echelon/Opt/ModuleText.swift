import Foundation
import IR
import Safetensors

/// The text of a module, and its name in messages about mistakes.
struct ModuleText {
    /// The name of the file in messages.
    let name: String
    private let text: String

    /// - Parameter path: nil or `-` for standard input.
    /// - Throws: ``CommandError`` if the file cannot be read or is not UTF-8.
    init(_ path: String?) throws {
        let data: Data
        if let path, path != "-" {
            name = path
            do {
                data = try FilePath.contents(of: path)
            } catch {
                throw CommandError("\(path) cannot be read as a file.")
            }
        } else {
            name = "<stdin>"
            data = try Terminal.inputData()
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            let (line, column) = Self.firstFault(data)
            throw CommandError("\(name):\(line):\(column): found a byte that is not UTF-8 text")
        }
        self.text = text
    }

    func module() throws -> Module {
        do {
            return try Module(parsing: text)
        } catch let error as ParseError {
            throw CommandError("\(name):\(error.line):\(error.column): \(error.problem)")
        }
    }

    /// The place of the first byte that is not UTF-8, counted as in ``ParseError``.
    private static func firstFault(_ data: Data) -> (line: Int, column: Int) {
        var (line, column) = (1, 1)
        var decoder = UTF8()
        var bytes = data.makeIterator()
        while case .scalarValue(let character) = decoder.decode(&bytes) {
            (line, column) = character == "\n" ? (line + 1, 1) : (line, column + 1)
        }
        return (line, column)
    }
}
