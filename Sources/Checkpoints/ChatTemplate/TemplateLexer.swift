/// A piece of a template's source.
struct TemplateToken {
    enum Kind: Equatable {
        /// Text outside of tags, after whitespace control.
        case text(String)
        case blockBegin, blockEnd
        case variableBegin, variableEnd
        case name(String)
        case string(String)
        case integer(Int)
        case float(Double)
        /// An operator or a bracket, as written.
        case symbol(String)
        case end
    }

    let kind: Kind
    /// The source line, from 1.
    let line: Int

    /// The token as an error message shows it.
    var shown: String {
        switch kind {
        case .text: "text"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .variableBegin: "'{{'"
        case .variableEnd: "'}}'"
        case .name(let name): "'\(name)'"
        case .string: "a string"
        case .integer(let value): "'\(value)'"
        case .float(let value): "'\(value)'"
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end of the template"
        }
    }
}

/// Splits a template's source into tokens, as Jinja2's lexer does with `trim_blocks` and `lstrip_blocks` on and
/// `keep_trailing_newline` off, the settings under which transformers renders chat templates:
///
/// - one newline at the end of the source is dropped, and `\r\n` and `\r` count as `\n`;
/// - the first newline after `%}` and `#}` is dropped;
/// - blanks between the start of a line and `{%` or `{#` are dropped;
/// - `-` next to a delimiter drops all whitespace on that side, `+` keeps all of it.
struct TemplateLexer {
    private let source: [Unicode.Scalar]
    private var position = 0
    private var line = 1
    private var tokens: [TemplateToken] = []

    /// The tokens of `source`, closed by one of kind `end`.
    static func tokens(of source: String) throws -> [TemplateToken] {
        var lexer = TemplateLexer(source)
        try lexer.readAll()
        return lexer.tokens
    }

    private init(_ text: String) {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(text.utf8.count)
        var afterReturn = false
        for scalar in text.unicodeScalars {
            if !(afterReturn && scalar == "\n") { scalars.append(scalar == "\r" ? "\n" : scalar) }
            afterReturn = scalar == "\r"
        }
        if scalars.last == "\n" { scalars.removeLast() }
        source = scalars
    }

    // MARK: Text and tags

    private mutating func readAll() throws {
        /// Whether `position` is at the start of a line, as far as the text before a tag is concerned.
        var startsLine = true
        while position < source.count {
            let opening = nextOpening()
            guard opening < source.count else {
                appendText(position..<source.count, before: nil, startsLine: startsLine)
                break
            }
            let delimiter = source[opening + 1]
            let sign = sign(at: opening + 2)
            appendText(
                position..<opening, before: TagStart(isVariable: delimiter == "{", sign: sign), startsLine: startsLine)
            let openingLine = line
            let bodyStart = opening + 2 + (sign == nil ? 0 : 1)
            switch delimiter {
            case "#":
                try skipComment(from: bodyStart, openedAt: openingLine)
            case "%":
                if let end = endOfRawTag("raw", from: bodyStart) {
                    try readRaw(from: end, openedAt: openingLine)
                } else {
                    append(.blockBegin)
                    position = bodyStart
                    try readExpressionTokens(until: "%", openedAt: openingLine)
                }
            default:
                append(.variableBegin)
                position = bodyStart
                try readExpressionTokens(until: "}", openedAt: openingLine)
            }
            startsLine = source[position - 1] == "\n"
        }
        append(.end)
    }

    private struct TagStart {
        let isVariable: Bool
        let sign: Unicode.Scalar?
    }

    private func nextOpening() -> Int {
        var index = position
        while index + 1 < source.count {
            if source[index] == "{" {
                let next = source[index + 1]
                if next == "%" || next == "{" || next == "#" { return index }
            }
            index += 1
        }
        return source.count
    }

    private func sign(at index: Int) -> Unicode.Scalar? {
        guard index < source.count, source[index] == "-" || source[index] == "+" else { return nil }
        return source[index]
    }

    /// Appends the text in `range`, stripped at its end as the tag after it requires, and advances past all of it.
    private mutating func appendText(_ range: Range<Int>, before tag: TagStart?, startsLine: Bool) {
        var end = range.upperBound
        if tag?.sign == "-" {
            while end > range.lowerBound, PythonText.isSpace(source[end - 1]) { end -= 1 }
        } else if let tag, tag.sign == nil, !tag.isVariable {
            var lineStart = end
            while lineStart > range.lowerBound, source[lineStart - 1] != "\n", PythonText.isSpace(source[lineStart - 1])
            {
                lineStart -= 1
            }
            let isAtLineStart =
                lineStart > range.lowerBound ? source[lineStart - 1] == "\n" : startsLine
            if isAtLineStart { end = lineStart }
        }
        if end > range.lowerBound { append(.text(string(range.lowerBound..<end))) }
        advance(to: range.upperBound)
    }

    private mutating func skipComment(from start: Int, openedAt openingLine: Int) throws {
        var index = start
        while index + 1 < source.count, !(source[index] == "#" && source[index + 1] == "}") { index += 1 }
        guard index + 1 < source.count else {
            throw TemplateFault("the comment opened here with '{#' is never closed with '#}'", line: openingLine)
        }
        let sign = index > start ? sign(at: index - 1) : nil
        finishTag(at: index + 2, sign: sign, trimsNewline: true)
    }

    /// Advances past a closing delimiter that ends at `end`, and past the text that whitespace control drops after it.
    private mutating func finishTag(at end: Int, sign: Unicode.Scalar?, trimsNewline: Bool) {
        var index = end
        if sign == "-" {
            index = skipSpace(from: index)
        } else if sign == nil, trimsNewline, index < source.count, source[index] == "\n" {
            index += 1
        }
        advance(to: index)
    }

    // MARK: Raw blocks

    /// The end of a block tag that consists only of `word`: the index after its name and the blanks around it.
    private func endOfRawTag(_ word: String, from start: Int) -> Int? {
        var index = skipSpace(from: start)
        for scalar in word.unicodeScalars {
            guard index < source.count, source[index] == scalar else { return nil }
            index += 1
        }
        index = skipSpace(from: index)
        let close = sign(at: index) == nil ? index : index + 1
        guard close + 1 < source.count, source[close] == "%", source[close + 1] == "}" else { return nil }
        return index
    }

    private mutating func readRaw(from tagEnd: Int, openedAt openingLine: Int) throws {
        let sign = sign(at: tagEnd)
        // Unlike any other block tag, `{% raw %}` keeps the newline after it.
        finishTag(at: tagEnd + (sign == nil ? 2 : 3), sign: sign, trimsNewline: false)
        let startsLine = source[position - 1] == "\n"
        var index = position
        while index + 1 < source.count {
            if source[index] == "{", source[index + 1] == "%" {
                let openSign = self.sign(at: index + 2)
                if let end = endOfRawTag("endraw", from: index + 2 + (openSign == nil ? 0 : 1)) {
                    appendText(
                        position..<index, before: TagStart(isVariable: false, sign: openSign), startsLine: startsLine)
                    let closeSign = self.sign(at: end)
                    finishTag(at: end + (closeSign == nil ? 2 : 3), sign: closeSign, trimsNewline: true)
                    return
                }
            }
            index += 1
        }
        throw TemplateFault("the 'raw' block opened here is never closed with '{% endraw %}'", line: openingLine)
    }

    // MARK: Inside tags

    /// Reads up to the closing delimiter, `%}` or `}}`, that no open bracket claims.
    private mutating func readExpressionTokens(until closer: Unicode.Scalar, openedAt openingLine: Int) throws {
        var brackets: [Unicode.Scalar] = []
        while position < source.count {
            if brackets.isEmpty, finishExpression(closer) { return }
            let scalar = source[position]
            if PythonText.isSpace(scalar) {
                advance(to: position + 1)
            } else if scalar.isASCIIDigit {
                try readNumber()
            } else if scalar == "_" || scalar.properties.isXIDStart {
                readName()
            } else if scalar == "\"" || scalar == "'" {
                try readString()
            } else {
                try readSymbol(&brackets)
            }
        }
        throw TemplateFault(
            "the tag opened here with '{\(closer == "%" ? "%" : "{")' is never closed with '\(closer)}'",
            line: openingLine)
    }

    private mutating func finishExpression(_ closer: Unicode.Scalar) -> Bool {
        let isBlock = closer == "%"
        var sign = sign(at: position)
        if sign == "+", !isBlock { sign = nil }
        let start = position + (sign == nil ? 0 : 1)
        guard start + 1 < source.count, source[start] == closer, source[start + 1] == "}" else { return false }
        append(isBlock ? .blockEnd : .variableEnd)
        finishTag(at: start + 2, sign: sign, trimsNewline: isBlock)
        return true
    }

    private mutating func readName() {
        var end = position + 1
        while end < source.count, source[end].properties.isXIDContinue { end += 1 }
        append(.name(string(position..<end)))
        position = end
    }

    private mutating func readSymbol(_ brackets: inout [Unicode.Scalar]) throws {
        let scalar = source[position]
        if position + 1 < source.count {
            let pair = string(position..<position + 2)
            if ["//", "**", "==", "!=", ">=", "<="].contains(pair) {
                append(.symbol(pair))
                position += 2
                return
            }
        }
        switch scalar {
        case "(": brackets.append(")")
        case "[": brackets.append("]")
        case "{": brackets.append("}")
        case ")", "]", "}":
            guard let expected = brackets.popLast() else {
                throw TemplateFault("'\(scalar)' closes no bracket", line: line)
            }
            guard scalar == expected else {
                throw TemplateFault("'\(scalar)' stands where '\(expected)' is needed", line: line)
            }
        case "+", "-", "*", "/", "%", "~", "=", "<", ">", ".", ":", "|", ",": break
        default: throw TemplateFault("the character '\(scalar)' has no meaning inside a tag", line: line)
        }
        append(.symbol(String(Character(scalar))))
        position += 1
    }

    // MARK: Literals

    private mutating func readNumber() throws {
        if source[position] == "0", position + 1 < source.count,
            let radix = ["b": 2, "o": 8, "x": 16][source[position + 1].properties.lowercaseMapping]
        {
            let digits = takeDigits(from: position + 2, radix: radix)
            guard let value = Int(digits.text, radix: radix) else {
                throw TemplateFault("a number with base \(radix) is empty or does not fit in 64 bits", line: line)
            }
            append(.integer(value))
            position = digits.end
            return
        }
        let whole = takeDigits(from: position, radix: 10)
        // In `a.0.1` the digits are two subscripts, not a fraction.
        let isSubscript = position > 0 && source[position - 1] == "."
        var text = whole.text
        var end = whole.end
        if !isSubscript, end + 1 < source.count, source[end] == ".", source[end + 1].isASCIIDigit {
            let fraction = takeDigits(from: end + 1, radix: 10)
            text += "." + fraction.text
            end = fraction.end
        }
        if !isSubscript, end + 1 < source.count, source[end] == "e" || source[end] == "E" {
            let hasSign = sign(at: end + 1) != nil
            let digitsStart = end + (hasSign ? 2 : 1)
            if digitsStart < source.count, source[digitsStart].isASCIIDigit {
                let exponent = takeDigits(from: digitsStart, radix: 10)
                text += "e" + (hasSign ? String(Character(source[end + 1])) : "") + exponent.text
                end = exponent.end
            }
        }
        if end > whole.end {
            guard let value = Double(text) else { throw TemplateFault("'\(text)' is no number", line: line) }
            append(.float(value))
        } else {
            guard text.allSatisfy({ $0 == "0" }) || text.first != "0" else {
                throw TemplateFault("the number '\(text)' starts with a zero", line: line)
            }
            guard let value = Int(text) else {
                throw TemplateFault("the number '\(text)' does not fit in 64 bits", line: line)
            }
            append(.integer(value))
        }
        position = end
    }

    /// The digits from `start` on, without single underscores between them.
    private func takeDigits(from start: Int, radix: Int) -> (text: String, end: Int) {
        var text = ""
        var index = start
        while index < source.count {
            if source[index] == "_", index > start, index + 1 < source.count,
                source[index + 1].digitValue(radix: radix) != nil, source[index - 1] != "_"
            {
                index += 1
            }
            guard source[index].digitValue(radix: radix) != nil else { break }
            text.unicodeScalars.append(source[index])
            index += 1
        }
        return (text, index)
    }

    /// Reads a string with the escapes of Python's string literals.
    private mutating func readString() throws {
        let quote = source[position]
        let openingLine = line
        var text = String.UnicodeScalarView()
        var index = position + 1
        while index < source.count, source[index] != quote {
            guard source[index] == "\\", index + 1 < source.count else {
                text.append(source[index])
                index += 1
                continue
            }
            index = try readEscape(at: index + 1, into: &text)
        }
        guard index < source.count else {
            throw TemplateFault("the string opened here is never closed", line: openingLine)
        }
        tokens.append(TemplateToken(kind: .string(String(text)), line: openingLine))
        advance(to: index + 1)
    }

    /// Appends the character of the escape whose letter is at `index`; returns the index after it.
    private func readEscape(at index: Int, into text: inout String.UnicodeScalarView) throws -> Int {
        switch source[index] {
        case "\n": return index + 1
        case "\\", "'", "\"": text.append(source[index])
        case "n": text.append("\n")
        case "t": text.append("\t")
        case "r": text.append("\r")
        case "a": text.append("\u{07}")
        case "b": text.append("\u{08}")
        case "f": text.append("\u{0C}")
        case "v": text.append("\u{0B}")
        case "0"..."7":
            var end = index
            var value: UInt32 = 0
            while end < source.count, end < index + 3, let digit = source[end].digitValue(radix: 8) {
                value = value * 8 + UInt32(digit)
                end += 1
            }
            text.append(Unicode.Scalar(value) ?? "\u{FFFD}")
            return end
        case "x": return try readHexadecimal(from: index + 1, digits: 2, into: &text)
        case "u": return try readHexadecimal(from: index + 1, digits: 4, into: &text)
        case "U": return try readHexadecimal(from: index + 1, digits: 8, into: &text)
        case "N": throw TemplateFault("the string escape '\\N{…}' is not supported", line: line)
        default:
            text.append("\\")
            text.append(source[index])
        }
        return index + 1
    }

    private func readHexadecimal(from start: Int, digits: Int, into text: inout String.UnicodeScalarView) throws -> Int
    {
        guard start + digits <= source.count else {
            throw TemplateFault("a string escape is cut off", line: line)
        }
        var value: UInt32 = 0
        for scalar in source[start..<start + digits] {
            guard let digit = scalar.digitValue(radix: 16), value <= UInt32.max >> 4 else {
                throw TemplateFault("a string escape needs \(digits) hexadecimal digits", line: line)
            }
            value = value << 4 | UInt32(digit)
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw TemplateFault("a string escape names no Unicode character", line: line)
        }
        text.append(scalar)
        return start + digits
    }

    // MARK: Position

    private mutating func append(_ kind: TemplateToken.Kind) {
        tokens.append(TemplateToken(kind: kind, line: line))
    }

    private mutating func advance(to end: Int) {
        for scalar in source[position..<end] where scalar == "\n" { line += 1 }
        position = end
    }

    private func skipSpace(from start: Int) -> Int {
        var index = start
        while index < source.count, PythonText.isSpace(source[index]) { index += 1 }
        return index
    }

    private func string(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: source[range])
        return String(view)
    }
}

extension Unicode.Scalar {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }

    fileprivate func digitValue(radix: Int) -> Int? {
        isASCII ? Int(String(Character(self)), radix: radix) : nil
    }
}
