/// Text operations with Python's meaning that fill up, align and fold text.
extension PythonText {
    /// `str.ljust`, `str.rjust` and `str.center`.
    static func padded(_ text: String, to width: Int, with fill: Unicode.Scalar, _ side: Side) -> String {
        let room = max(0, width - text.unicodeScalars.count)
        let left: Int
        switch side {
        case .left: left = room
        case .right: left = 0
        // Python puts the odd blank to the left of a text whose width is to be odd.
        case .both: left = room / 2 + (room & width & 1)
        }
        func filling(_ count: Int) -> String { repeated(String(Character(fill)), count) }
        return filling(left) + text + filling(room - left)
    }

    /// `str.zfill`: zeros between the sign and the digits.
    static func zeroFilled(_ text: String, to width: Int) -> String {
        let hasSign = text.utf8.first == 0x2B || text.utf8.first == 0x2D
        let zeros = repeated("0", max(0, width - text.unicodeScalars.count))
        guard hasSign else { return zeros + text }
        return text.unicodeScalars.prefix(1).reduce(into: "") { $0 += String(Character($1)) } + zeros
            + string(text.unicodeScalars.dropFirst())
    }

    /// `str.expandtabs`.
    static func expandingTabs(_ text: String, size: Int) -> String {
        var result = String.UnicodeScalarView()
        var column = 0
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\t":
                let blanks = size > 0 ? size - column % size : 0
                result.append(contentsOf: repeatElement(" ", count: blanks))
                column += blanks
            default:
                result.append(scalar)
                column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
            }
        }
        return String(result)
    }

    /// `str.swapcase`.
    static func swappingCase(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            let properties = scalar.properties
            result +=
                properties.isUppercase
                ? properties.lowercaseMapping
                : properties.isLowercase ? properties.uppercaseMapping : String(Character(scalar))
        }
    }

    /// `str.casefold`, Unicode's full case folding.
    static func caseFolded(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\u{131}": result += "\u{131}"
            // The letters of Cherokee fold to capitals.
            case "\u{13A0}"..."\u{13FF}", "\u{AB70}"..."\u{ABBF}": result += scalar.properties.uppercaseMapping
            default: result += lower(upper(scalar.properties.lowercaseMapping))
            }
        }
    }

    /// `str.istitle`: capitals only after characters without case, small letters only after letters.
    static func isTitle(_ text: String) -> Bool {
        var isAfterLetter = false
        var hasLetter = false
        for scalar in text.unicodeScalars {
            let isCapital = scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter
            let isLetter = isCapital || scalar.properties.isLowercase
            if isLetter, isCapital == isAfterLetter { return false }
            hasLetter = hasLetter || isLetter
            isAfterLetter = isLetter
        }
        return hasLetter
    }

    /// Whether `\w` of Python's regular expressions matches a code point.
    static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool { isAlphanumeric(scalar) || scalar == "_" }

    static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        isLetter(scalar) || scalar.properties.numericType != nil
    }
}
