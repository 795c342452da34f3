/// A reader of a pattern of Oniguruma's dialect: its characters, and the escapes that stand for characters or sets.
struct RegexScanner {
    let scalars: [Unicode.Scalar]
    var position = 0
    /// Whether PCRE2 knows a script of the given name.
    private let isScript: (String) -> Bool

    init(_ pattern: String, isScript: @escaping (String) -> Bool) {
        scalars = Array(pattern.unicodeScalars)
        self.isScript = isScript
    }

    func peek(_ distance: Int = 0) -> Unicode.Scalar? {
        let index = position + distance
        return index < scalars.count ? scalars[index] : nil
    }

    func isDigit(at distance: Int) -> Bool {
        peek(distance).map { ("0"..."9").contains($0) } ?? false
    }

    func follows(_ text: String) -> Bool {
        scalars[min(position, scalars.count)...].starts(with: text.unicodeScalars)
    }

    /// Goes past the next scalar and returns it.
    mutating func next() -> Unicode.Scalar? {
        defer { position += 1 }
        return peek()
    }

    /// Goes past `text` if it follows.
    mutating func skip(_ text: String) -> Bool {
        guard follows(text) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    /// The text up to `end`, which is gone past; nil if it does not come.
    mutating func text(upTo end: Unicode.Scalar) -> String? {
        guard let close = scalars[min(position, scalars.count)...].firstIndex(of: end) else { return nil }
        defer { position = close + 1 }
        return String(String.UnicodeScalarView(scalars[position..<close]))
    }

    /// Goes past the rest of a line.
    mutating func skipComment() {
        if text(upTo: "\n") == nil { position = scalars.count }
    }

    /// The set that an escape stands for, such as `\d` or `\p{Han}`, which is gone past; nil if it is another escape.
    mutating func setEscape(inClass: Bool) throws(RegexDialect.Unsupported) -> RegexCharacterSet? {
        guard let letter = peek(1) else { return nil }
        let set: RegexCharacterSet
        switch letter {
        case "s", "S": set = .whiteSpace
        case "w", "W": set = inClass ? .word : .wordOutsideClasses
        case "d", "D": set = .decimalDigit
        case "h", "H": set = .hexadecimalDigit
        case "p", "P": return try property(inClass: inClass)
        default: return nil
        }
        position += 2
        return letter.properties.isUppercase ? set.negated : set
    }

    private mutating func property(inClass: Bool) throws(RegexDialect.Unsupported) -> RegexCharacterSet {
        let letter = scalars[position + 1]
        position += 2
        guard skip("{"), var name = text(upTo: "}") else {
            throw .init(construct: "\\\(letter) without a name in braces")
        }
        var isNegated = letter == "P"
        if name.hasPrefix("^") {
            name.removeFirst()
            isNegated.toggle()
        }
        let set = try named(name, inClass: inClass)
        return isNegated ? set.negated : set
    }

    private func named(_ name: String, inClass: Bool) throws(RegexDialect.Unsupported) -> RegexCharacterSet {
        let key = name.lowercased().filter { !"_- ".contains($0) }
        if key == "word", !inClass { return .wordOutsideClasses }
        if let set = RegexCharacterSet.propertyNames[key] { return set }
        guard key.utf8.allSatisfy({ (0x61...0x7A).contains($0) }) else { throw .init(construct: "\\p{\(name)}") }
        // General categories have one or two letters.
        if key.count <= 2 { return .category(name) }
        return isScript(key) ? .closed("\\p{sc:\(key)}") : .open("\\p{\(key)}")
    }

    /// The character that an escape stands for, which is gone past. `place` names the place for errors.
    mutating func characterEscape(in place: String) throws(RegexDialect.Unsupported) -> Unicode.Scalar {
        guard let letter = peek(1) else { throw .init(message: "the pattern ends in a backslash") }
        position += 2
        switch letter {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "f": return "\u{C}"
        case "v": return "\u{B}"
        case "a": return "\u{7}"
        case "e": return "\u{1B}"
        case "u": return try codePoint(digits: take(4, while: \.properties.isASCIIHexDigit), count: 4, radix: 16, "\\u")
        case "x": return try hexadecimal()
        case "o" where skip("{"): return try codePoint(digits: text(upTo: "}") ?? "", radix: 8, "\\o")
        case "0"..."7":
            position -= 1
            return try codePoint(digits: take(3) { ("0"..."7").contains($0) }, radix: 8, "\\\(letter)")
        case _ where letter.isASCII && (letter.properties.isAlphabetic || ("0"..."9").contains(letter)):
            throw .init(construct: "\\\(letter)\(place)")
        default: return letter
        }
    }

    private mutating func take(_ count: Int, while condition: (Unicode.Scalar) -> Bool) -> String {
        let taken = scalars[min(position, scalars.count)...].prefix(count).prefix(while: condition)
        position += taken.count
        return String(String.UnicodeScalarView(taken))
    }

    private func codePoint(
        digits: String, count: Int? = nil, radix: Int, _ construct: String
    ) throws(RegexDialect.Unsupported) -> Unicode.Scalar {
        guard count == nil || digits.count == count, let value = UInt32(digits, radix: radix),
            let scalar = Unicode.Scalar(value)
        else { throw .init(construct: "\(construct) without the digits of one character") }
        return scalar
    }

    /// A code point in braces, or a byte. Bytes from 0x80 are parts of a character in UTF-8.
    private mutating func hexadecimal() throws(RegexDialect.Unsupported) -> Unicode.Scalar {
        if skip("{") { return try codePoint(digits: text(upTo: "}") ?? "", radix: 16, "\\x") }
        var bytes: [UInt8] = []
        repeat {
            guard let byte = UInt8(take(2, while: \.properties.isASCIIHexDigit), radix: 16) else {
                throw .init(construct: "\\x without digits")
            }
            bytes.append(byte)
        } while bytes.count < UTF8Scalars.length(lead: bytes[0]) && skip("\\x")
        guard let text = String(validating: bytes, as: UTF8.self), let scalar = text.unicodeScalars.first else {
            throw .init(construct: "\\x for a byte that is not a character")
        }
        return scalar
    }
}
