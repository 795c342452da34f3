/// Text operations with Python's meaning: text is a sequence of code points. They do not compare or cut by
/// grapheme clusters or canonical equivalence, as Swift's `String` does.
enum PythonText {
    /// `str.isspace` of one code point.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(scalar)
    }

    static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// `text` `count` times, by doubling: `String(repeating:count:)` appends once for each.
    static func repeated(_ text: String, _ count: Int) -> String {
        guard !text.isEmpty else { return "" }
        var result = ""
        var power = text
        var left = count
        while left > 0 {
            if left % 2 == 1 { result += power }
            left /= 2
            if left > 0 { power += power }
        }
        return result
    }

    // MARK: Stripping

    enum Side { case left, right, both }

    /// `strip`, `lstrip` and `rstrip`: without `characters`, whitespace.
    static func strip(_ text: String, _ side: Side, characters: String? = nil) -> String {
        let drops: (Unicode.Scalar) -> Bool
        if let characters {
            let set = Set(characters.unicodeScalars)
            drops = { set.contains($0) }
        } else {
            drops = isSpace
        }
        var rest = text.unicodeScalars[...]
        if side != .right { rest = rest.drop(while: drops) }
        if side != .left {
            while let last = rest.last, drops(last) { rest.removeLast() }
        }
        return String(rest)
    }

    // MARK: Case

    static func upper(_ text: some StringProtocol) -> String {
        text.unicodeScalars.reduce(into: "") { $0 += $1.properties.uppercaseMapping }
    }

    static func lower(_ text: some StringProtocol) -> String {
        let scalars = Array(text.unicodeScalars)
        return scalars.indices.reduce(into: "") { result, index in
            let isFinal = scalars[index] == "\u{3A3}" && isFinalSigma(scalars, at: index)
            result += isFinal ? "\u{3C2}" : scalars[index].properties.lowercaseMapping
        }
    }

    /// Whether the letter at `index` ends a word, where a sigma has another form (Unicode, section 3.13, Final_Sigma).
    private static func isFinalSigma(_ text: [Unicode.Scalar], at index: Int) -> Bool {
        func isCased(_ scalar: Unicode.Scalar?) -> Bool { scalar?.properties.isCased ?? false }
        return isCased(text[..<index].last { !$0.properties.isCaseIgnorable })
            && !isCased(text[(index + 1)...].first { !$0.properties.isCaseIgnorable })
    }

    static func capitalize(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping + lower(string(text.unicodeScalars.dropFirst()))
    }

    /// `str.title`: a letter becomes a capital if no letter is before it.
    static func title(_ text: String) -> String {
        var result = ""
        var afterLetter = false
        for scalar in text.unicodeScalars {
            result += afterLetter ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            afterLetter = scalar.properties.isCased
        }
        return result
    }

    // MARK: Searching

    /// Byte offsets at which `needle`, which is not empty, occurs in `text`, without overlap, from the left.
    ///
    /// Knuth, Morris and Pratt's search: no pair of texts from outside makes it slower than linear.
    static func occurrences(of needle: [UInt8], in text: [UInt8]) -> [Int] {
        var border = [0]
        var length = 0
        for index in needle.indices.dropFirst() {
            while length > 0, needle[index] != needle[length] { length = border[length - 1] }
            if needle[index] == needle[length] { length += 1 }
            border.append(length)
        }
        var found: [Int] = []
        var matched = 0
        for (index, byte) in text.enumerated() {
            while matched > 0, byte != needle[matched] { matched = border[matched - 1] }
            if byte == needle[matched] { matched += 1 }
            if matched == needle.count {
                found.append(index + 1 - needle.count)
                matched = 0
            }
        }
        return found
    }

    static func contains(_ text: String, _ needle: String) -> Bool {
        needle.isEmpty || !occurrences(of: Array(needle.utf8), in: Array(text.utf8)).isEmpty
    }

    static func hasPrefix(_ text: String, _ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }

    static func hasSuffix(_ text: String, _ suffix: String) -> Bool {
        text.utf8.reversed().starts(with: suffix.utf8.reversed())
    }

    /// The number of replacements of `replace`; the caller accounts for the memory before it makes them.
    static func replacements(of old: String, in text: String, limit: Int?) -> Int {
        let count =
            old.isEmpty ? text.unicodeScalars.count + 1 : occurrences(of: Array(old.utf8), in: Array(text.utf8)).count
        return limit.map { $0 < 0 ? count : min($0, count) } ?? count
    }

    /// `str.replace`; an empty `old` occurs before each code point and at the end.
    static func replace(_ text: String, _ old: String, with new: String, limit: Int?) -> String {
        var left = limit.map { $0 < 0 ? Int.max : $0 } ?? Int.max
        if old.isEmpty {
            var result = ""
            for scalar in text.unicodeScalars {
                if left > 0 { result += new }
                left -= left > 0 ? 1 : 0
                result.unicodeScalars.append(scalar)
            }
            return left > 0 ? result + new : result
        }
        let bytes = Array(text.utf8)
        let oldBytes = Array(old.utf8)
        var result: [UInt8] = []
        var position = 0
        for offset in occurrences(of: oldBytes, in: bytes) where left > 0 {
            result += bytes[position..<offset]
            result += new.utf8
            position = offset + oldBytes.count
            left -= 1
        }
        return String(decoding: result + bytes[position...], as: UTF8.self)
    }

    // MARK: Splitting

    /// `str.split` with a separator, which is not empty; `fromRight` for `str.rsplit`.
    static func split(_ text: String, by separator: String, limit: Int, fromRight: Bool = false) -> [String] {
        var bytes = Array(text.utf8)
        var separatorBytes = Array(separator.utf8)
        if fromRight {
            bytes.reverse()
            separatorBytes.reverse()
        }
        var parts: [[UInt8]] = []
        var position = 0
        for offset in occurrences(of: separatorBytes, in: bytes) where limit < 0 || parts.count < limit {
            parts.append(Array(bytes[position..<offset]))
            position = offset + separatorBytes.count
        }
        parts.append(Array(bytes[position...]))
        if fromRight { parts = parts.reversed().map { $0.reversed() } }
        return parts.map { String(decoding: $0, as: UTF8.self) }
    }

    /// `str.rsplit` without a separator.
    static func wordsFromRight(_ text: String, limit: Int) -> [String] {
        words(string(text.unicodeScalars.reversed()), limit: limit)
            .map { string($0.unicodeScalars.reversed()) }.reversed()
    }

    /// `str.split` without a separator: at runs of whitespace, none at the ends.
    static func words(_ text: String, limit: Int) -> [String] {
        var parts: [String] = []
        var rest = text.unicodeScalars[...].drop(while: isSpace)
        while !rest.isEmpty {
            if limit >= 0, parts.count == limit {
                parts.append(String(rest))
                break
            }
            let word = rest.prefix { !isSpace($0) }
            parts.append(String(word))
            rest = rest[word.endIndex...].drop(while: isSpace)
        }
        return parts
    }

    /// `str.splitlines`.
    static func lines(_ text: String, keepEnds: Bool) -> [String] {
        let breaks: Set<Unicode.Scalar> = [
            "\n", "\r", "\u{0B}", "\u{0C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}",
        ]
        let scalars = Array(text.unicodeScalars)
        var parts: [String] = []
        var start = 0
        var index = 0
        while index < scalars.count {
            guard breaks.contains(scalars[index]) else {
                index += 1
                continue
            }
            let isPair = scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
            let end = index + (isPair ? 2 : 1)
            parts.append(string(scalars[start..<(keepEnds ? end : index)]))
            start = end
            index = end
        }
        if start < scalars.count { parts.append(string(scalars[start...])) }
        return parts
    }

    // MARK: Printing

    /// `repr` of a float: the shortest digits that read back the same, with an exponent where Python writes one.
    static func float(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        let shown = "\(value.magnitude)".lowercased()
        let halves = shown.split(separator: "e")
        let mantissa = halves[0].split(separator: ".")
        let whole = String(mantissa[0])
        let fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
        var exponent = (halves.count > 1 ? Int(halves[1]) ?? 0 : 0) + whole.count
        var digits = Substring(whole + fraction)
        while digits.first == "0", digits.count > 1 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.last == "0", digits.count > 1 { digits.removeLast() }
        let sign = value.sign == .minus ? "-" : ""
        if digits == "0" { return sign + "0.0" }
        // `digits` are those after the point of 0.ddd × 10^exponent. Python writes an exponent outside of
        // 1e-4 ..< 1e16.
        if exponent > 16 || exponent < -3 {
            let power = exponent - 1
            let tail = digits.dropFirst().isEmpty ? "" : "." + digits.dropFirst()
            let magnitude = String(power.magnitude)
            return sign + digits.prefix(1) + tail + "e" + (power < 0 ? "-" : "+")
                + (magnitude.count < 2 ? "0" + magnitude : magnitude)
        }
        if exponent <= 0 { return sign + "0." + String(repeating: "0", count: -exponent) + digits }
        if exponent >= digits.count {
            return sign + digits + String(repeating: "0", count: exponent - digits.count) + ".0"
        }
        return sign + digits.prefix(exponent) + "." + digits.dropFirst(exponent)
    }

    /// `repr` of a text.
    static func quoted(_ text: String) -> String {
        let quote: Unicode.Scalar = text.utf8.contains(0x27) && !text.utf8.contains(0x22) ? "\"" : "'"
        var result = String.UnicodeScalarView()
        result.append(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\": result.append(contentsOf: ["\\", scalar])
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            default:
                if isPrintable(scalar) {
                    result.append(scalar)
                } else {
                    result.append(contentsOf: escape(scalar).unicodeScalars)
                }
            }
        }
        result.append(quote)
        return String(result)
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        return "\\" + letter + hexadecimal(scalar.value, width: width)
    }

    /// `text` with escapes for all that is not ASCII, as `ascii` writes it.
    static func escapingNonASCII(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { $0 += $1.isASCII ? String(Character($1)) : escape($1) }
    }

    static func hexadecimal(_ value: UInt32, width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// `str.isprintable` of one code point.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }
}
