/// A translation of regular expressions from the dialect of tokenizer files to that of PCRE2.
///
/// The patterns of tokenizer files are written for Oniguruma (its document RE describes the syntax). Most of it means
/// the same to PCRE2. Constructs with another meaning are rewritten here if that is simple, and otherwise refused by
/// name, so that no pattern is silently misread:
///
/// - `\s` is the Unicode property White_Space, and PCRE2's also holds U+180E.
/// - `\w`, and with it `\b`, is wider than PCRE2's.
/// - `\p{Han}` and other scripts mean the script; PCRE2 would take the script's extensions too.
/// - `\uHHHH` is a code point.
/// - `^` and `$` match at every line; that is an option of PCRE2, set where the pattern is compiled.
enum RegexDialect {
    struct Unsupported: Error {
        let message: String
    }

    /// The pattern for PCRE2. `isScript` says whether PCRE2 knows a script of the given name.
    static func translate(
        _ pattern: String, isScript: (String) -> Bool
    ) throws(Unsupported) -> String {
        var translator = Translator(scalars: Array(pattern.unicodeScalars))
        return try translator.translate(isScript: isScript)
    }
}

private struct Translator {
    /// The characters of `\w`, written for the inside of a class. Digits above Latin-1 are not word characters, but
    /// Oniguruma counts the superscripts and fractions of Latin-1.
    private static let wordClass = #"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE}"#

    let scalars: [Unicode.Scalar]
    var position = 0
    var output = ""

    init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    private func peek(_ distance: Int = 0) -> Unicode.Scalar? {
        let index = position + distance
        return index < scalars.count ? scalars[index] : nil
    }

    private func unsupported(_ construct: String) -> RegexDialect.Unsupported {
        RegexDialect.Unsupported(message: "\(construct) is not supported in a pattern")
    }

    /// Copies `count` scalars unchanged.
    private mutating func copy(_ count: Int = 1) {
        let end = min(position + count, scalars.count)
        output.unicodeScalars.append(contentsOf: scalars[position..<end])
        position = end
    }

    mutating func translate(isScript: (String) -> Bool) throws(RegexDialect.Unsupported) -> String {
        while let scalar = peek() {
            switch scalar {
            case "\\": try escape(inClass: false, isScript: isScript)
            case "[": try characterClass(isScript: isScript)
            case "(": try group()
            case "{": try interval()
            default: copy()
            }
        }
        return output
    }

    private mutating func group() throws(RegexDialect.Unsupported) {
        if peek(1) == "*" { throw unsupported("(*") }
        guard peek(1) == "?" else { return copy() }
        switch peek(2) {
        case ":", "=", "!", ">":
            copy(3)
        case "<" where peek(3) == "=" || peek(3) == "!":
            copy(4)
        case "<":
            copy(3)
        case "i" where peek(3) == ":":
            copy(4)
        case "i" where peek(3) == ")" && position == 0:
            // Elsewhere Oniguruma would let the option's group swallow the alternatives that follow.
            copy(4)
        case "-" where peek(3) == "i" && peek(4) == ":":
            copy(5)
        case let other:
            throw unsupported("(?" + (other.map { String($0) } ?? ""))
        }
    }

    private mutating func interval() throws(RegexDialect.Unsupported) {
        if peek(1) == "," { throw unsupported("{,") }
        var length = 1
        while let scalar = peek(length), ("0"..."9").contains(scalar) || scalar == "," { length += 1 }
        guard length > 1, peek(length) == "}" else { return copy() }
        // Possessive to PCRE2, a second repetition to Oniguruma.
        if peek(length + 1) == "+" { throw unsupported("a + after an interval") }
        copy(length + 1)
    }

    private mutating func characterClass(isScript: (String) -> Bool) throws(RegexDialect.Unsupported) {
        copy()
        if peek() == "^" { copy() }
        if peek() == "]" { throw unsupported("an unescaped ] at the start of a class") }
        while let scalar = peek() {
            switch scalar {
            case "]": return copy()
            case "[": throw unsupported("an unescaped [ inside a class")
            case "&" where peek(1) == "&": throw unsupported("&& inside a class")
            case "\\": try escape(inClass: true, isScript: isScript)
            default: copy()
            }
        }
        throw RegexDialect.Unsupported(message: "a class does not end")
    }

    private mutating func escape(inClass: Bool, isScript: (String) -> Bool) throws(RegexDialect.Unsupported) {
        guard let letter = peek(1) else { throw RegexDialect.Unsupported(message: "the pattern ends in a backslash") }
        switch letter {
        case "s": replace(by: #"\p{White_Space}"#)
        case "S": replace(by: #"\P{White_Space}"#)
        case "w": replace(by: inClass ? Self.wordClass : "[\(Self.wordClass)]")
        case "W" where !inClass: replace(by: "[^\(Self.wordClass)]")
        case "b" where !inClass:
            let word = "[\(Self.wordClass)]"
            replace(by: "(?:(?<=\(word))(?!\(word))|(?<!\(word))(?=\(word)))")
        case "p", "P": property(isScript: isScript)
        case "u": try codePoint()
        case "A", "z", "Z", "G", "K", "R", "X":
            guard !inClass else { throw unsupported("\\\(letter) inside a class") }
            copy(2)
        case "d", "D", "r", "n", "t", "f", "a", "e", "x": copy(2)
        case "1"..."9" where !inClass: copy(2)
        case _ where letter.isASCII && (letter.properties.isAlphabetic || ("0"..."9").contains(letter)):
            throw unsupported("\\\(letter)" + (inClass ? " inside a class" : ""))
        default: copy(2)
        }
    }

    private mutating func replace(by text: String) {
        output += text
        position += 2
    }

    private mutating func property(isScript: (String) -> Bool) {
        guard peek(2) == "{", let close = scalars[position...].firstIndex(of: "}") else { return copy(2) }
        var name = String(String.UnicodeScalarView(scalars[(position + 3)..<close]))
        var negation = ""
        if name.hasPrefix("^") {
            name.removeFirst()
            negation = "^"
        }
        // General categories have one or two letters.
        guard name.count > 2, isScript(name) else { return copy(close + 1 - position) }
        copy(3)
        output += "\(negation)sc:\(name)}"
        position = close + 1
    }

    private mutating func codePoint() throws(RegexDialect.Unsupported) {
        let digits = scalars[min(position + 2, scalars.count)...].prefix(4)
        guard digits.count == 4, digits.allSatisfy(\.properties.isASCIIHexDigit) else {
            throw unsupported("\\u without four hexadecimal digits")
        }
        output += "\\x{" + String(String.UnicodeScalarView(digits)) + "}"
        position += 6
    }
}
