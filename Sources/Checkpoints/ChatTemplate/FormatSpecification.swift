/// The part after the colon of a field in `str.format` ("Format Specification Mini-Language" in the Python
/// documentation): `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
struct FormatSpecification {
    private var fill: Unicode.Scalar = " "
    private var align: Unicode.Scalar?
    private var sign: Unicode.Scalar?
    private var isAlternate = false
    private var dropsNegativeZero = false
    private var isZeroFilled = false
    private var width = 0
    private var grouping: String?
    private var precision: Int?
    private var type: Unicode.Scalar?
    private let source: String

    init(_ text: String) throws {
        source = text
        var scalars = Array(text.unicodeScalars)[...]
        func take(_ choices: String) -> Unicode.Scalar? {
            guard let first = scalars.first, choices.unicodeScalars.contains(first) else { return nil }
            return scalars.popFirst()
        }
        func number() -> Int? {
            let digits = scalars.prefix { ("0"..."9").contains($0) }
            scalars = scalars.dropFirst(digits.count)
            return digits.isEmpty ? nil : Int(PythonText.string(digits)) ?? .max
        }
        let aligns = "<>=^"
        if scalars.count > 1, aligns.unicodeScalars.contains(scalars[1]) { fill = scalars.removeFirst() }
        align = take(aligns)
        sign = take("+- ")
        dropsNegativeZero = take("z") != nil
        isAlternate = take("#") != nil
        if take("0") != nil {
            isZeroFilled = true
            if align == nil { (fill, align) = ("0", "=") }
        }
        width = number() ?? 0
        grouping = take(",_").map { String(Character($0)) }
        if take(".") != nil {
            guard let digits = number() else { throw Self.fault(text) }
            precision = digits
        }
        type = scalars.popFirst()
        guard scalars.isEmpty else { throw Self.fault(text) }
        guard max(width, precision ?? 0) <= TemplateLimits.formatWidth else {
            throw TemplateFault("a format is wider than \(TemplateLimits.formatWidth) characters")
        }
    }

    private static func fault(_ text: String) -> TemplateFault {
        TemplateFault("the format '\(text)' is not valid for its value")
    }

    /// The text of `value` in this format.
    func text(of value: RenderValue, _ evaluator: TemplateEvaluator) throws -> String {
        if source.isEmpty { return try evaluator.text(of: value) }
        switch value {
        case .string(let text), .markup(let text): return try string(text)
        case .integer, .boolean:
            guard let number = value.wholeNumber else { throw Self.fault(source) }
            return try integer(number)
        case .float(let number): return try float(number)
        default: throw TemplateFault("\(value.typeName) has no formats such as '\(source)'")
        }
    }

    private func string(_ text: String) throws -> String {
        guard type == nil || type == "s", sign == nil, !isAlternate, grouping == nil, align != "=" || isZeroFilled
        else { throw Self.fault(source) }
        let kept = String(text.unicodeScalars.prefix(precision ?? .max))
        return padded(kept, align == "=" ? "<" : align ?? "<")
    }

    private func integer(_ number: Int) throws -> String {
        if let type, "eEfFgG%".unicodeScalars.contains(type) { return try float(Double(number)) }
        guard precision == nil else { throw Self.fault(source) }
        switch type {
        case nil, "d", "n": return laidOut(NumberText(number))
        case "b": return laidOut(NumberText(number, radix: 2, prefix: isAlternate ? "0b" : ""), groupSize: 4)
        case "o": return laidOut(NumberText(number, radix: 8, prefix: isAlternate ? "0o" : ""), groupSize: 4)
        case "x", "X":
            let text = NumberText(number, radix: 16, prefix: isAlternate ? "0x" : "")
            return laidOut(type == "X" ? text.uppercased : text, groupSize: 4)
        case "c":
            guard let code = UInt32(exactly: number), let scalar = Unicode.Scalar(code), sign == nil else {
                throw Self.fault(source)
            }
            return padded(String(Character(scalar)), align ?? "<")
        default: throw Self.fault(source)
        }
    }

    private func float(_ number: Double) throws -> String {
        var text: NumberText
        switch type {
        case "e", "E", "f", "F", "g", "G":
            text = NumberText(number, type ?? "g", precision: precision ?? 6, isAlternate: isAlternate)
        case "n": text = NumberText(number, "g", precision: precision ?? 6, isAlternate: isAlternate)
        case "%":
            text = NumberText(number * 100, "f", precision: precision ?? 6, isAlternate: isAlternate)
            text.append("%")
        case nil:
            let digits = precision.map { Self.general(number.magnitude, precision: max(1, $0)) }
            text = NumberText(
                digits: digits ?? PythonText.float(number.magnitude),
                isNegative: number.sign == .minus && !number.isNaN)
        default: throw Self.fault(source)
        }
        if dropsNegativeZero, !text.text.contains(where: { ("1"..."9").contains($0) }) {
            text = NumberText(digits: text.halves.1, isNegative: false)
        }
        return laidOut(text)
    }

    /// The digits of a float with a precision and no type: as `g` writes them, but with a digit after the point.
    private static func general(_ number: Double, precision: Int) -> String {
        guard number.isFinite else { return NumberText.printed(number, "g", precision: precision) }
        let scientific = NumberText.printed(number, "e", precision: precision - 1)
        let exponent = scientific.split(separator: "e").last.flatMap { Int($0) } ?? 0
        if exponent < -4 || exponent >= precision - 1 {
            let mantissa = scientific.split(separator: "e")[0]
            return trimmed(String(mantissa)) + scientific.dropFirst(mantissa.count)
        }
        let fixed = trimmed(NumberText.printed(number, "f", precision: precision - 1 - exponent))
        return fixed.contains(".") ? fixed : fixed + ".0"
    }

    private static func trimmed(_ digits: String) -> String {
        guard digits.contains(".") else { return digits }
        var digits = digits
        while digits.last == "0" { digits.removeLast() }
        if digits.last == "." { digits.removeLast() }
        return digits
    }

    private func laidOut(_ number: NumberText, groupSize: Int = 3) -> String {
        var number = number
        if let sign, sign != "-" { number.positiveSign = String(Character(sign)) }
        let fillsWithZeros = fill == "0" && align == "="
        if let grouping {
            number.group(by: grouping, every: grouping == "," ? 3 : groupSize, width: fillsWithZeros ? width : 0)
        } else if fillsWithZeros {
            number.padDigits(toWidth: width)
        }
        guard align == "=" else { return padded(number.text, align ?? ">") }
        let (front, back) = number.halves
        return front + String(repeating: String(Character(fill)), count: max(0, width - number.text.count)) + back
    }

    private func padded(_ text: String, _ align: Unicode.Scalar) -> String {
        let room = max(0, width - text.unicodeScalars.count)
        let left = align == "<" ? 0 : align == ">" ? room : room / 2
        func filling(_ count: Int) -> String { String(repeating: String(Character(fill)), count: count) }
        return filling(left) + text + filling(room - left)
    }
}
