import Foundation

/// The text of a number in its parts, as Python's formats put them together: sign, prefix such as `0x`, digits.
struct NumberText {
    /// The sign of numbers that are not negative: none, `+` or a blank.
    var positiveSign = ""
    private var isNegative: Bool
    private var prefix = ""
    /// The digits before the point.
    private var whole: String
    /// The point, the digits after it, the exponent and `%`; all of "inf" and "nan" stands in `whole`.
    private var rest: String
    let isInteger: Bool

    private var sign: String { isNegative ? "-" : positiveSign }
    var text: String { sign + prefix + whole + rest }

    init(_ number: Int, radix: Int = 10, prefix: String = "") {
        isNegative = number < 0
        self.prefix = prefix
        whole = String(number.magnitude, radix: radix)
        rest = ""
        isInteger = true
    }

    /// A number without its fraction, as `%d` writes it.
    init(truncating value: RenderValue) throws {
        if let number = value.wholeNumber {
            self.init(number)
            return
        }
        guard case .float(let number) = value, number.isFinite else {
            throw TemplateFault("'%d' needs a number, not \(value.typeName)")
        }
        self.init(number.rounded(.towardZero), "f", precision: 0, isInteger: true)
    }

    /// A number as C's `printf` writes it.
    /// - Parameters:
    ///   - conversion: one of `e`, `E`, `f`, `F`, `g` and `G`.
    ///   - isAlternate: whether a point stands after the digits, and zeros at the end stay.
    init(
        _ number: Double, _ conversion: Unicode.Scalar, precision: Int, isAlternate: Bool = false,
        isInteger: Bool = false
    ) {
        self.init(
            digits: Self.printed(number.magnitude, conversion, precision: precision, isAlternate: isAlternate),
            isNegative: number.sign == .minus && !number.isNaN, isInteger: isInteger)
    }

    /// A number whose digits are known.
    init(digits: String, isNegative: Bool, isInteger: Bool = false) {
        let end = digits.firstIndex { !$0.isLetter && !$0.isNumber } ?? digits.endIndex
        let exponent = digits.first?.isNumber == true ? digits.firstIndex { "eE".contains($0) } : nil
        let wholeEnd = min(end, exponent ?? digits.endIndex)
        whole = String(digits[..<wholeEnd])
        rest = String(digits[wholeEnd...])
        self.isNegative = isNegative
        self.isInteger = isInteger
    }

    static func printed(
        _ number: Double, _ conversion: Unicode.Scalar, precision: Int, isAlternate: Bool = false
    ) -> String {
        let format = "%" + (isAlternate ? "#" : "") + ".*" + String(Character(conversion))
        return withVaList([Int32(clamping: precision), number]) { arguments in
            var buffer = [CChar](repeating: 0, count: 400 + max(0, precision))
            let length = Int(vsnprintf(&buffer, buffer.count, format, arguments))
            return String(decoding: buffer.prefix(max(0, length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }

    var uppercased: NumberText {
        var copy = self
        copy.prefix = prefix.uppercased()
        copy.whole = whole.uppercased()
        copy.rest = rest.uppercased()
        return copy
    }

    mutating func append(_ ending: String) { rest += ending }

    mutating func padDigits(to count: Int) {
        whole = String(repeating: "0", count: max(0, count - whole.count)) + whole
    }

    mutating func padDigits(toWidth width: Int) {
        padDigits(to: width - (text.count - whole.count))
    }

    /// Puts `separator` between groups of digits, after filling up with zeros to `width` characters in all.
    mutating func group(by separator: String, every size: Int, width: Int) {
        guard whole.allSatisfy(\.isHexDigit) else { return padDigits(toWidth: width) }
        let room = width - (text.count - whole.count)
        var digits = Array(whole)
        func length(_ count: Int) -> Int { count + (count - 1) / size }
        while length(digits.count) < room { digits.insert("0", at: 0) }
        whole = digits.enumerated().reduce(into: "") { result, digit in
            if digit.offset > 0, (digits.count - digit.offset) % size == 0 { result += separator }
            result.append(digit.element)
        }
    }

    /// The sign and the prefix, and what follows them, between which `=` puts the filling.
    var halves: (String, String) { (sign + prefix, whole + rest) }
}
