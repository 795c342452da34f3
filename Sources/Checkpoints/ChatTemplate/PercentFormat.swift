/// Formatting with `%`, as Python's strings do it ("printf-style String Formatting" in the Python documentation).
struct PercentFormat {
    private let evaluator: TemplateEvaluator
    private let format: [Unicode.Scalar]
    private var position = 0
    /// The values that are not used yet.
    private var values: ArraySlice<RenderValue>
    /// The value after `%` if it can be asked for keys; then unused values are no error.
    private let mapping: RenderValue?

    /// The text of `format % value`.
    static func text(_ format: String, _ value: RenderValue, _ evaluator: TemplateEvaluator) throws -> RenderValue {
        try evaluator.budget.visit(text: format)
        var formatter = PercentFormat(format, value, evaluator)
        return .string(try formatter.text())
    }

    private init(_ format: String, _ value: RenderValue, _ evaluator: TemplateEvaluator) {
        self.evaluator = evaluator
        self.format = Array(format.unicodeScalars)
        switch value {
        case .sequence(let kind, let items) where kind.type == .tuple:
            values = items.elements[...]
            mapping = nil
        case .dictionary, .undefined, .sequence:
            values = [value]
            mapping = value
        default:
            values = [value]
            mapping = nil
        }
    }

    /// `%[(key)][flags][width][.precision]conversion`
    private struct Field {
        var key: String?
        var flags: Set<Unicode.Scalar> = []
        var width = 0
        var precision: Int?
    }

    private mutating func text() throws -> String {
        var result = ""
        while position < format.count {
            let start = position
            while position < format.count, format[position] != "%" { position += 1 }
            try evaluator.append(PythonText.string(format[start..<position]), to: &result)
            if position < format.count {
                position += 1
                try evaluator.append(field(), to: &result)
            }
        }
        guard values.isEmpty || mapping != nil else {
            throw TemplateFault("a string formatted with '%' uses fewer values than it is given")
        }
        return result
    }

    private var current: Unicode.Scalar? { position < format.count ? format[position] : nil }

    private mutating func field() throws -> String {
        var field = Field()
        if current == "(" { field.key = try key() }
        while let flag = current, "#0- +".unicodeScalars.contains(flag) {
            field.flags.insert(flag)
            position += 1
        }
        if let width = try number() {
            if width < 0 { field.flags.insert("-") }
            field.width = abs(width)
        }
        if current == "." {
            position += 1
            field.precision = max(0, try number() ?? 0)
        }
        guard max(field.width, field.precision ?? 0) <= TemplateLimits.formatWidth else {
            throw TemplateFault("a format is wider than \(TemplateLimits.formatWidth) characters")
        }
        while let modifier = current, "hlL".unicodeScalars.contains(modifier) { position += 1 }
        guard let conversion = current else { throw TemplateFault("a format ends within a '%' field") }
        position += 1
        if conversion == "%" { return "%" }
        let value = try field.key.map { try entry($0) } ?? next()
        return try text(of: value, conversion, field)
    }

    private mutating func key() throws -> String {
        position += 1
        let start = position
        var open = 1
        while let scalar = current {
            position += 1
            open += scalar == "(" ? 1 : scalar == ")" ? -1 : 0
            if open == 0 { return PythonText.string(format[start..<position - 1]) }
        }
        throw TemplateFault("a key in a format is never closed with ')'")
    }

    private mutating func number() throws -> Int? {
        if current == "*" {
            position += 1
            return max(min(try evaluator.integer(next(), "*"), Int(Int32.max)), -Int(Int32.max))
        }
        let start = position
        while let digit = current, ("0"..."9").contains(digit) { position += 1 }
        guard position > start else { return nil }
        return Int(PythonText.string(format[start..<position])) ?? .max
    }

    private mutating func next() throws -> RenderValue {
        guard let value = values.popFirst() else {
            throw TemplateFault("a string formatted with '%' needs more values than it is given")
        }
        return value
    }

    private mutating func entry(_ key: String) throws -> RenderValue {
        guard case .dictionary(let dictionary)? = mapping else {
            throw TemplateFault("a format with keys needs a dictionary")
        }
        guard let value = dictionary[.string(key)] else {
            throw TemplateFault("the dictionary of a format has no key '\(key)'")
        }
        return value
    }

    private func text(of value: RenderValue, _ conversion: Unicode.Scalar, _ field: Field) throws -> String {
        switch conversion {
        case "s": return padded(try evaluator.text(of: value), field)
        case "r": return padded(try evaluator.representation(of: value), field)
        case "a": return padded(PythonText.escapingNonASCII(try evaluator.representation(of: value)), field)
        case "c": return padded(try character(value), field)
        case "d", "i", "u": return aligned(try NumberText(truncating: value), field)
        case "x", "X", "o":
            guard let number = value.wholeNumber else {
                throw TemplateFault("'%\(conversion)' needs an integer, not \(value.typeName)")
            }
            let (radix, prefix) = conversion == "o" ? (8, "0o") : (16, "0x")
            let text = NumberText(number, radix: radix, prefix: field.flags.contains("#") ? prefix : "")
            return aligned(conversion == "X" ? text.uppercased : text, field)
        case "e", "E", "f", "F", "g", "G":
            guard let number = value.number else {
                throw TemplateFault("'%\(conversion)' needs a number, not \(value.typeName)")
            }
            return aligned(
                NumberText(
                    number, conversion, precision: field.precision ?? 6, isAlternate: field.flags.contains("#")),
                field)
        default: throw TemplateFault("a format has no conversion '%\(conversion)'")
        }
    }

    private func character(_ value: RenderValue) throws -> String {
        if case .string(let text) = value, text.unicodeScalars.count == 1 { return text }
        guard let number = value.wholeNumber, let code = UInt32(exactly: number), let scalar = Unicode.Scalar(code)
        else {
            throw TemplateFault("'%c' needs one character or its number, not \(value.typeName)")
        }
        return String(Character(scalar))
    }

    private func padded(_ text: String, _ field: Field) -> String {
        let scalars = text.unicodeScalars.prefix(field.precision ?? .max)
        let blanks = String(repeating: " ", count: max(0, field.width - scalars.count))
        return field.flags.contains("-") ? String(scalars) + blanks : blanks + String(scalars)
    }

    private func aligned(_ number: NumberText, _ field: Field) -> String {
        var number = number
        if field.flags.contains("+") {
            number.positiveSign = "+"
        } else if field.flags.contains(" ") {
            number.positiveSign = " "
        }
        if number.isInteger, let precision = field.precision { number.padDigits(to: precision) }
        if field.flags.contains("0"), !field.flags.contains("-") { number.padDigits(toWidth: field.width) }
        let blanks = String(repeating: " ", count: max(0, field.width - number.text.count))
        return field.flags.contains("-") ? number.text + blanks : blanks + number.text
    }
}
