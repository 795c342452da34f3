/// A token of the text form.
enum Token: Equatable {
    /// A keyword, an opcode, an attribute's name or a number: `func`, `norm`, `16.5`, `-1e-06`, `rows`.
    case word(String)
    /// `%name`
    case value(String)
    /// `@name`
    case symbol(String)
    /// One of `( ) [ ] { } , : = ->`.
    case punctuation(String)
    case end

    /// The token as messages quote it.
    var text: String {
        switch self {
        case .word(let word): "'\(shortened(word))'"
        case .value(let name): "'%\(shortened(name))'"
        case .symbol(let name): "'@\(shortened(name))'"
        case .punctuation(let mark): "'\(mark)'"
        case .end: "the end of the text"
        }
    }
}

/// The beginning of a name, short enough for a message. A text may contain names of any length.
func shortened(_ name: String) -> String { name.utf8.count <= 100 ? name : "\(name.prefix(100))…" }

/// A place in a text. Lines and columns are counted from 1; columns count Unicode scalars.
struct TextPosition: Hashable {
    var line = 1
    var column = 1
}

/// A lexer, which divides a text into tokens. White space and comments (`//` to the end of the line) separate tokens
/// and mean nothing else.
struct Lexer {
    private let bytes: [UInt8]
    private var offset = 0
    private var position = TextPosition()

    init(_ text: String) { bytes = Array(text.utf8) }

    /// The next token and the place at which it starts.
    /// - Throws: ``ParseError`` for a character that cannot start a token.
    mutating func next() throws -> (token: Token, position: TextPosition) {
        skipSpace()
        let start = position
        guard let byte = peek() else { return (.end, start) }
        switch byte {
        case UInt8(ascii: "%"), UInt8(ascii: "@"):
            advance()
            let name = takeName()
            guard !name.isEmpty else {
                let sigil = Character(UnicodeScalar(byte))
                throw ParseError(
                    start, "found '\(sigil)' without a name, expected letters, digits, '_' or '.' behind it")
            }
            return (byte == UInt8(ascii: "%") ? .value(name) : .symbol(name), start)
        case UInt8(ascii: "-") where peek(1) == UInt8(ascii: ">"):
            advance()
            advance()
            return (.punctuation("->"), start)
        case UInt8(ascii: "-"), UInt8(ascii: "+"):
            advance()
            let digits = takeNumberOrWord()
            guard !digits.isEmpty else {
                throw ParseError(start, "found '\(Character(UnicodeScalar(byte)))', expected a number behind it")
            }
            return (.word(String(UnicodeScalar(byte)) + digits), start)
        case let byte where isNameByte(byte):
            return (.word(takeNumberOrWord()), start)
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"),
            UInt8(ascii: "}"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "="):
            advance()
            return (.punctuation(String(UnicodeScalar(byte))), start)
        default:
            throw ParseError(start, "found \(foundCharacter()), which no part of a module starts with")
        }
    }

    private func peek(_ distance: Int = 0) -> UInt8? {
        let index = offset + distance
        return index < bytes.count ? bytes[index] : nil
    }

    private mutating func advance() {
        let byte = bytes[offset]
        offset += 1
        if byte == UInt8(ascii: "\n") {
            position.line += 1
            position.column = 1
        } else if peek().map({ $0 & 0xC0 != 0x80 }) ?? true {
            // The next byte does not continue a character, so the character ends here.
            position.column += 1
        }
    }

    private mutating func skipSpace() {
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t"), UInt8(ascii: "\r"): advance()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
                while let next = peek(), next != UInt8(ascii: "\n") { advance() }
            default: return
            }
        }
    }

    private mutating func takeName() -> String {
        let start = offset
        while let byte = peek(), isNameByte(byte) { advance() }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    /// A name, or a number whose exponent may have a sign.
    private mutating func takeNumberOrWord() -> String {
        let start = offset
        let isNumber = peek().map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
        while let byte = peek() {
            if isNameByte(byte) {
                advance()
            } else if isNumber, byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"), offset > start,
                bytes[offset - 1] | 0x20 == UInt8(ascii: "e"), peek(1) != UInt8(ascii: ">")
            {
                advance()
            } else {
                break
            }
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    /// The character at the current place, for a message.
    private func foundCharacter() -> String {
        let character = String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self).unicodeScalars
            .first
        guard let character, character.value >= 0x20, character.value != 0x7F else {
            return "the control character \(bytes[offset])"
        }
        return "'\(character)'"
    }
}
