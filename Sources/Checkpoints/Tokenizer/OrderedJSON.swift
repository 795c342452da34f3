/// A JSON text (RFC 8259) that keeps every member of an object, in order. `NaN`, `Infinity` and `-Infinity` are numbers
/// too, because Python writes them.
///
/// Foundation's parsers put members into a dictionary of `String`, whose equality is canonical equivalence: a
/// vocabulary that holds both `é` and `e` + U+0301 would lose one of them. Here a key keeps its code points.
public enum OrderedJSON: Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([OrderedJSON])
    case object([Member])

    public struct Member: Sendable {
        public let key: String
        public let value: OrderedJSON
    }

    /// A problem of a text and its byte offset.
    struct SyntaxError: Error {
        let message: String
        let offset: Int
    }

    /// The maximum nesting, so that hostile input cannot exhaust the stack.
    static let deepest = 512

    /// Reads the one JSON value of which `bytes` consists.
    static func parse(_ bytes: [UInt8]) throws(SyntaxError) -> OrderedJSON {
        var parser = Parser(bytes: bytes)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.position = 3 }  // a byte order mark
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.error("there is text after the end of the value") }
        return value
    }

    /// The kind of value with its article, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

private struct Parser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    func error(_ message: String) -> OrderedJSON.SyntaxError {
        OrderedJSON.SyntaxError(message: message, offset: position)
    }

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    /// Advances past `byte` if it comes next, after white space.
    mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard current == byte else { return false }
        position += 1
        return true
    }

    mutating func value(depth: Int) throws(OrderedJSON.SyntaxError) -> OrderedJSON {
        guard depth < OrderedJSON.deepest else {
            throw error("values are nested more than \(OrderedJSON.deepest) deep")
        }
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "N"): return try word("NaN", .number(.nan))
        case UInt8(ascii: "I"): return try word("Infinity", .number(.infinity))
        case nil: throw error("the text ends where a value should be")
        default: return try number()
        }
    }

    private mutating func word(
        _ text: StaticString, _ value: OrderedJSON
    ) throws(OrderedJSON.SyntaxError) -> OrderedJSON {
        let expected = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes[position...].starts(with: expected) else { throw error("\(text) is misspelt") }
        position += expected.count
        return value
    }

    private mutating func object(depth: Int) throws(OrderedJSON.SyntaxError) -> OrderedJSON {
        position += 1
        var members: [OrderedJSON.Member] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw error("a key in quotes is missing") }
            let key = try string()
            guard take(UInt8(ascii: ":")) else { throw error("a colon is missing") }
            members.append(.init(key: key, value: try value(depth: depth + 1)))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw error("a comma or a closing brace is missing") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(OrderedJSON.SyntaxError) -> OrderedJSON {
        position += 1
        var elements: [OrderedJSON] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        repeat { elements.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw error("a comma or a closing bracket is missing") }
        return .array(elements)
    }

    private mutating func number() throws(OrderedJSON.SyntaxError) -> OrderedJSON {
        let start = position
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "I") { return try word("Infinity", .number(-.infinity)) }
        let integerStart = position
        guard digits() > 0 else {
            position = start
            throw error("this is not a JSON value")
        }
        guard bytes[integerStart] != UInt8(ascii: "0") || position == integerStart + 1 else {
            throw error("a number has a leading zero")
        }
        if current == UInt8(ascii: ".") {
            position += 1
            guard digits() > 0 else { throw error("a number has no digits after its point") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            guard digits() > 0 else { throw error("a number has no digits in its exponent") }
        }
        // A number beyond the range is infinite, as in Python.
        return .number(Double(String(decoding: bytes[start..<position], as: UTF8.self)) ?? .nan)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        return position - start
    }

    private mutating func string() throws(OrderedJSON.SyntaxError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw error("the string that ends here is not valid UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &text)
            case 0..<0x20:
                throw error("a string holds a control character that is not escaped")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw error("a string does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(OrderedJSON.SyntaxError) {
        guard let letter = current else { throw error("a string does not end") }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let halfAlone = "half a surrogate pair stands alone"
            var code = try fourHexDigits()
            if code >> 10 == 0x36 {  // the first half of a surrogate pair
                guard bytes[position...].starts(with: "\\u".utf8) else { throw error(halfAlone) }
                position += 2
                let low = try fourHexDigits()
                guard low >> 10 == 0x37 else { throw error(halfAlone) }
                code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
            }
            guard let scalar = Unicode.Scalar(code) else { throw error(halfAlone) }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default:
            throw error("a string holds an unknown escape")
        }
    }

    private mutating func fourHexDigits() throws(OrderedJSON.SyntaxError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("\\u wants four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
