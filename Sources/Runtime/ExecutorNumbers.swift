import CExecutor
import NumberFormats
import Plans

/// The numbers that the executor has for the operations and types that plans call by name, read off the executor's own
/// tables.
enum ExecutorNumbers {
    static let opcodes = numbers { ech_opcode_describe($0)?.pointee.name }
    static let elements = numbers { ech_element_name($0) }
    static let formats = numbers { ech_format_describe($0)?.pointee.name }
    static let cacheFormats = numbers { ech_cache_format_name($0) }

    /// - Throws: ``RuntimeError`` if the executor lacks the instruction.
    static func number(of opcode: TapeOpcode) throws -> Int32 { try number(opcode.name, in: opcodes, "an instruction") }

    /// The number of a buffer's element type.
    /// - Throws: ``RuntimeError`` if the executor has no buffers of that type.
    static func number(ofElement type: ElementType) throws -> Int32 {
        try number(type.name, in: elements, "a buffer of a type")
    }

    /// The number of a weight's format.
    /// - Throws: ``RuntimeError`` if the executor has no weights in that format.
    static func number(ofFormat type: ElementType) throws -> Int32 {
        try number(type.name, in: formats, "a weight in a format")
    }

    private static func number(_ name: String, in numbers: [String: Int32], _ kind: String) throws -> Int32 {
        guard let number = numbers[name] else {
            throw RuntimeError("The plan has \(kind) that this executor does not know: \(name).")
        }
        return number
    }

    /// Tables count from 0 and have no gaps.
    private static func numbers(_ name: (Int32) -> UnsafePointer<CChar>?) -> [String: Int32] {
        var numbers: [String: Int32] = [:]
        var number: Int32 = 0
        while let text = name(number) {
            numbers[String(cString: text)] = number
            number += 1
        }
        return numbers
    }
}
