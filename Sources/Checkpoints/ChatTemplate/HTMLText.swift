/// Escapes of HTML, as the package MarkupSafe writes and reads them.
enum HTMLText {
    static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&#34;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    /// `text` without tags and comments, with single blanks, and with characters in place of their escapes.
    static func strippingTags(_ text: String) -> String {
        var rest = Array(text.unicodeScalars)[...]
        var kept = String.UnicodeScalarView()
        let commentStart = Array("<!--".unicodeScalars)
        while let start = rest.firstIndex(of: "<") {
            let isComment = rest[start...].starts(with: commentStart)
            let end: Int?
            if isComment {
                end = endOfComment(rest[(start + commentStart.count)...])
            } else {
                end = rest[start...].firstIndex(of: ">").map { $0 + 1 }
            }
            guard let end else { break }
            kept.append(contentsOf: rest[..<start])
            rest = rest[end...]
        }
        kept.append(contentsOf: rest)
        return unescaped(PythonText.words(String(kept), limit: -1).joined(separator: " "))
    }

    private static func endOfComment(_ text: ArraySlice<Unicode.Scalar>) -> Int? {
        var dashes = 0
        for (index, scalar) in zip(text.indices, text) {
            if scalar == ">", dashes >= 2 { return index + 1 }
            dashes = scalar == "-" ? dashes + 1 : 0
        }
        return nil
    }

    /// `text` with characters in place of `&#65;`, `&#x41;` and the names of HTML 4.
    static func unescaped(_ text: String) -> String {
        var rest = Array(text.unicodeScalars)[...]
        var result = String.UnicodeScalarView()
        while let start = rest.firstIndex(of: "&") {
            result.append(contentsOf: rest[..<start])
            rest = rest[(start + 1)...]
            // The longest name has 8 letters; digits are as many as there are.
            let isNumber = rest.first == "#"
            let body = rest.prefix { $0.isASCII && ($0 == "#" || PythonText.isAlphanumeric($0)) }
            let name = PythonText.string(body.prefix(isNumber ? 16 : 8))
            guard let scalar = isNumber ? character(numbered: name) : HTMLEntities.named[name],
                name.unicodeScalars.count == body.count
            else {
                result.append("&")
                continue
            }
            result.append(scalar)
            rest = rest[body.endIndex...]
            if rest.first == ";" { rest.removeFirst() }
        }
        result.append(contentsOf: rest)
        return String(result)
    }

    /// The character of a reference such as `#65` or `#x41`; numbers that HTML does not allow become U+FFFD.
    private static func character(numbered reference: String) -> Unicode.Scalar? {
        let digits = reference.dropFirst()
        let isHexadecimal = digits.first == "x" || digits.first == "X"
        guard let code = UInt32(isHexadecimal ? digits.dropFirst() : digits, radix: isHexadecimal ? 16 : 10) else {
            return nil
        }
        return code == 0 ? "\u{FFFD}" : Unicode.Scalar(code) ?? "\u{FFFD}"
    }
}
