/// Text with links for what looks like an address, as the filter `urlize` writes it.
struct LinkedText {
    /// The maximum number of characters of an address that are shown; nil for all.
    let limit: Int?
    let relations: String
    let target: String?
    /// Beginnings of further addresses, such as `ftp:`.
    let schemes: [String]

    /// The maximum number of characters of a word that is taken for an address.
    private static let maxAddress = 4096

    /// `text`, which is escaped, with links.
    func text(_ text: String) -> String {
        var result = ""
        var rest = Array(text.unicodeScalars)[...]
        while !rest.isEmpty {
            let word = rest.prefix { !PythonText.isSpace($0) }
            result += linked(PythonText.string(word))
            rest = rest[word.endIndex...]
            let blanks = rest.prefix(while: PythonText.isSpace)
            result += PythonText.string(blanks)
            rest = rest[blanks.endIndex...]
        }
        return result
    }

    private static let openers = ["(", "<", "&lt;"]
    private static let closers = [")", ">", ".", ",", "\n", "&gt;"]

    private func linked(_ word: String) -> String {
        guard word.unicodeScalars.count <= Self.maxAddress else { return word }
        var (head, middle, tail) = ("", word, "")
        while let opener = Self.openers.first(where: { PythonText.hasPrefix(middle, $0) }) {
            head += opener
            middle = String(middle.dropFirst(opener.count))
        }
        while let closer = Self.closers.first(where: { PythonText.hasSuffix(middle, $0) }) {
            tail = closer + tail
            middle = String(middle.dropLast(closer.count))
        }
        // Brackets that are opened inside the address are closed inside it, too.
        for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
            func count(_ part: String, in text: String) -> Int {
                PythonText.replacements(of: part, in: text, limit: nil)
            }
            let opened = count(open, in: middle)
            guard opened > count(close, in: middle) else { continue }
            for _ in 0..<min(opened, count(close, in: tail)) {
                let parts = PythonText.split(tail, by: close, limit: 1)
                middle += parts[0] + close
                tail = parts[1]
            }
        }
        return head + link(middle) + tail
    }

    private func link(_ address: String) -> String {
        if WebAddress.matches(address) {
            let hasScheme = ["https://", "http://"].contains { PythonText.hasPrefix(address, $0) }
            return anchor(hasScheme ? address : "https://" + address, shown: shortened(address))
        }
        let mail = "mailto:"
        if PythonText.hasPrefix(address, mail), WebAddress.isMail(String(address.dropFirst(mail.count))) {
            return "<a href=\"\(address)\">\(address.dropFirst(mail.count))</a>"
        }
        if address.contains("@"), !address.hasPrefix("www."), !address.hasPrefix("@"), !address.contains(":"),
            WebAddress.isMail(address)
        {
            return "<a href=\"mailto:\(address)\">\(address)</a>"
        }
        // Each scheme is tried on what the ones before it have made, as in Jinja2.
        return schemes.reduce(address) { result, scheme in
            result != scheme && PythonText.hasPrefix(result, scheme) ? anchor(result, shown: result) : result
        }
    }

    private func anchor(_ address: String, shown: String) -> String {
        let relation = relations.isEmpty ? "" : " rel=\"\(HTMLText.escaped(relations))\""
        let target = target.map { $0.isEmpty ? "" : " target=\"\(HTMLText.escaped($0))\"" } ?? ""
        return "<a href=\"\(address)\"\(relation)\(target)>\(shown)</a>"
    }

    private func shortened(_ address: String) -> String {
        guard let limit, address.unicodeScalars.count > limit else { return address }
        let scalars = Array(address.unicodeScalars)
        // A negative limit counts from the end, as in Python's slices.
        return PythonText.string(scalars.prefix(limit < 0 ? max(0, scalars.count + limit) : limit)) + "..."
    }

    /// Whether `text` is a scheme with its colon, such as `ftp:` or `ftp://`.
    static func isScheme(_ text: String) -> Bool {
        let name = text.prefix { $0 != ":" }
        let rest = text.dropFirst(name.count)
        guard let first = name.first, first.isASCII, first.isLetter, rest == ":" || rest == "://" || rest == ":/" else {
            return false
        }
        return name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".+-".contains($0)) }
    }
}

/// The texts that `urlize` takes for the address of a page or of a mailbox.
private enum WebAddress {
    private static let endings: Set = ["com", "net", "int", "edu", "gov", "org", "info", "mil"]

    /// `[scheme or www.]host[:port][/path]`: a host without a scheme needs a well-known ending.
    static func matches(_ address: String) -> Bool {
        let lower = PythonText.lower(address)
        for scheme in ["https://", "http://"] where PythonText.hasPrefix(lower, scheme) {
            let rest = String(lower.dropFirst(scheme.count))
            return isHost(rest, minLastLetters: 2) || isNumericHost(rest)
        }
        if PythonText.hasPrefix(lower, "www."), isHost(String(lower.dropFirst(4)), minLastLetters: 2) { return true }
        guard let labels = labels(of: lower), labels.count > 1, let last = labels.last else { return false }
        return endings.contains(last) && labels.dropLast().allSatisfy { (2...63).contains($0.unicodeScalars.count) }
    }

    private static func isHost(_ text: String, minLastLetters: Int) -> Bool {
        guard let last = labels(of: text)?.last else { return false }
        if last.hasPrefix("xn--") { return (2...59).contains(last.count - 4) && !last.contains("-", after: 4) }
        return (minLastLetters...63).contains(last.count) && last.allSatisfy { $0.isASCII && $0.isLetter }
    }

    /// An address in numbers, such as 127.0.0.1 or [::1].
    private static func isNumericHost(_ text: String) -> Bool {
        let host = host(of: text)
        if host.hasPrefix("["), host.hasSuffix("]") {
            let groups = host.dropFirst().dropLast().split(separator: ":", omittingEmptySubsequences: false)
            return (4...10).contains(groups.count) && groups.allSatisfy { $0.count <= 4 && $0.allSatisfy(\.isHexDigit) }
        }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { (1...3).contains($0.count) && $0.allSatisfy { $0.isASCII && $0.isNumber } }
    }

    /// The host of an address, or an empty text if what follows it is neither a port nor a path.
    private static func host(of text: String) -> String {
        let isBracketed = text.hasPrefix("[")
        let host = text.prefix { isBracketed ? $0 != "]" : !":/?#".contains($0) } + (isBracketed ? "]" : "")
        var rest = text.dropFirst(host.count)
        if rest.first == ":" {
            let port = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard (1...5).contains(port.count) else { return "" }
            rest = rest.dropFirst(port.count + 1)
        }
        return rest.isEmpty || "/?#".contains(rest.first ?? " ") ? String(host) : ""
    }

    /// The parts of a host between its dots; nil if a character cannot be in a host.
    private static func labels(of text: String) -> [String]? {
        let host = host(of: text)
        let labels = host.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let areValid = labels.allSatisfy { label in
            !label.isEmpty
                && label.unicodeScalars.allSatisfy { PythonText.isWordCharacter($0) || $0 == "%" || $0 == "-" }
        }
        return areValid && !labels.isEmpty ? labels : nil
    }

    /// `name@host.ending`
    static func isMail(_ text: String) -> Bool {
        guard let at = text.lastIndex(of: "@"), at != text.startIndex else { return false }
        let labels = text[text.index(after: at)...].split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count > 1, let first = labels.first?.unicodeScalars.first, let last = labels.last, !last.isEmpty
        else { return false }
        return PythonText.isWordCharacter(first) && last.unicodeScalars.allSatisfy(PythonText.isWordCharacter)
            && labels.allSatisfy { $0.unicodeScalars.allSatisfy { PythonText.isWordCharacter($0) || $0 == "-" } }
    }
}

extension String {
    fileprivate func contains(_ character: Character, after count: Int) -> Bool { dropFirst(count).contains(character) }
}
