/// A translator of one pattern from Oniguruma's dialect to PCRE2's.
struct RegexTranslator {
    /// The options that hold inside a group.
    private struct Scope {
        var ignoresCase = false
        /// Whether white space and comments are left out.
        var isExtended = false
        /// The number of parentheses that end the group: one, and one for each option that holds up to its end.
        var parentheses = 1
        /// The place in `output` where the group begins.
        var start = 0
    }

    private var scanner: RegexScanner
    private var output: [Unicode.Scalar] = []
    private var scope = Scope(parentheses: 0)
    private var outerScopes: [Scope] = []
    /// The place in `output` of what a quantifier would repeat.
    private var repeatable = 0

    init(scanner: RegexScanner) {
        self.scanner = scanner
    }

    mutating func translate() throws(RegexDialect.Unsupported) -> String {
        while let scalar = scanner.peek() {
            switch scalar {
            case "\\": try escape()
            case "[": try write(scanner.characterClass())
            case "(": try openGroup()
            case ")": closeGroup()
            case "{": interval()
            case "*", "+", "?": quantifier()
            case "#" where scope.isExtended: scanner.skipComment()
            case _ where scope.isExtended && scalar.isASCII && scalar.properties.isWhitespace: scanner.position += 1
            case "^", "$", ".", "|":
                scanner.position += 1
                begin(String(scalar))
            default:
                scanner.position += 1
                begin(RegexScanner.literal(scalar))
            }
        }
        // PCRE2 reports a group that does not end.
        if outerScopes.isEmpty { write(String(repeating: ")", count: scope.parentheses)) }
        return String(String.UnicodeScalarView(output))
    }

    private mutating func write(_ text: String) {
        output.append(contentsOf: text.unicodeScalars)
    }

    /// Writes something that a quantifier can repeat.
    private mutating func begin(_ text: String) {
        repeatable = output.count
        write(text)
    }

    private mutating func write(_ set: RegexCharacterSet) throws(RegexDialect.Unsupported) {
        guard scope.ignoresCase, !set.isPlain else { return begin(set.pattern) }
        // Oniguruma would add the other cases to the result of the operations.
        guard set.isClosedUnderCase else { throw .init(construct: "&& or [^ inside a class while case is ignored") }
        begin("(?-i:\(set.pattern))")
    }

    private mutating func escape() throws(RegexDialect.Unsupported) {
        let word = RegexCharacterSet.wordOutsideClasses.pattern
        switch scanner.peek(1) {
        case "b": assertion("(?:(?<=\(word))(?!\(word))|(?<!\(word))(?=\(word)))")
        case "B": assertion("(?:(?<=\(word))(?=\(word))|(?<!\(word))(?!\(word)))")
        case "N": assertion("[^\\n]")
        case "O": assertion("(?s:.)")
        case let letter? where "AzZGKRX".unicodeScalars.contains(letter): assertion("\\\(letter)")
        case "k" where scanner.peek(2) == "<":
            scanner.position += 3
            begin("\\k<\(scanner.text(upTo: ">") ?? "")>")
        case let digit? where ("1"..."9").contains(digit) && !scanner.isDigit(at: 2):
            assertion("\\\(digit)")
        default:
            if let set = try scanner.setEscape(inClass: false) { return try write(set) }
            begin(RegexScanner.literal(try scanner.characterEscape(in: "")))
        }
    }

    /// Writes the translation of an escape of two characters.
    private mutating func assertion(_ text: String) {
        scanner.position += 2
        begin(text)
    }
}

// Quantifiers.
extension RegexTranslator {
    /// `*`, `+` or `?`, with a `?` or `+` after it that makes it reluctant or possessive.
    private mutating func quantifier() {
        write(String(scanner.next() ?? "*"))
        if let mode = scanner.peek(), mode == "?" || mode == "+" {
            scanner.position += 1
            write(String(mode))
        }
    }

    private mutating func interval() {
        let start = scanner.position
        scanner.position += 1
        let parts = (scanner.text(upTo: "}") ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let isNumber = parts.map { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        guard parts.count <= 2, isNumber.contains(true), zip(parts, isNumber).allSatisfy({ $0.isEmpty || $1 }) else {
            scanner.position = start + 1
            return begin(RegexScanner.literal("{"))
        }
        let least = parts[0].isEmpty ? "0" : parts[0]
        write("{\(([least] + parts.dropFirst()).joined(separator: ","))}")
        // PCRE2 would take the first as possessive and the second as reluctant; both repeat the interval.
        if scanner.peek() == "+" || scanner.peek() == "*" || (scanner.peek() == "?" && parts.count == 1) {
            output.insert(contentsOf: "(?:".unicodeScalars, at: repeatable)
            write(")\(scanner.next() ?? "+")")
        } else if scanner.skip("?") {
            write("?")
        }
    }
}

// Groups.
extension RegexTranslator {
    private mutating func open(_ text: String) {
        outerScopes.append(scope)
        scope.parentheses = 1
        scope.start = output.count
        write(text)
    }

    private mutating func closeGroup() {
        scanner.position += 1
        write(String(repeating: ")", count: max(scope.parentheses, 1)))
        repeatable = scope.start
        // PCRE2 reports a parenthesis too many.
        scope = outerScopes.popLast() ?? scope
    }

    private mutating func openGroup() throws(RegexDialect.Unsupported) {
        if scanner.follows("(*") { throw .init(construct: "(*") }
        if scanner.skip("(?#") {
            _ = scanner.text(upTo: ")")
            return
        }
        for start in ["(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"] where scanner.skip(start) { return open(start) }
        if scanner.follows("(?<") || scanner.follows("(?'") {
            let end: Unicode.Scalar = scanner.peek(2) == "<" ? ">" : "'"
            scanner.position += 3
            guard let name = scanner.text(upTo: end) else { throw .init(message: "the name of a group does not end") }
            return open("(?<\(name)>")
        }
        guard scanner.skip("(?") else {
            scanner.position += 1
            return open("(")
        }
        try options()
    }

    /// `(?i-m:…)`, or `(?i-m)`, which holds up to the end of the group that it is in.
    private mutating func options() throws(RegexDialect.Unsupported) {
        var inner = scope
        var isOn = true
        var on = ""
        var off = ""
        func set(_ option: String) { if isOn { on += option } else { off += option } }
        while let letter = scanner.next() {
            switch letter {
            case "i":
                inner.ignoresCase = isOn
                set("i")
            case "m": set("s")
            case "x": inner.isExtended = isOn
            case "-": isOn = false
            case ":", ")":
                let start = "(?\(on)\(off.isEmpty ? "" : "-")\(off):"
                if letter == ":" {
                    open(start)
                } else {
                    write(start)
                    scope.parentheses += 1
                }
                scope.ignoresCase = inner.ignoresCase
                scope.isExtended = inner.isExtended
                return
            default: throw .init(construct: "(?\(letter)")
            }
        }
        throw .init(message: "a group does not end")
    }
}
