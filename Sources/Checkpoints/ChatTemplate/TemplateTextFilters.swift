import Foundation

/// Filters whose result is text or a number.
extension TemplateFilters {
    static let texts: [String: Filter] = {
        let standard = Filter(["default_value", "boolean"]) { _, value, arguments in
            let replaces = value.isUndefined || (arguments[1]?.isTrue ?? false) && !value.isTrue
            return replaces ? arguments[0] ?? .string("") : value
        }
        return [
            "default": standard, "d": standard,
            "trim": Filter(["chars"]) { evaluator, value, arguments in
                let characters = try evaluator.optionalString(arguments[0], "chars")
                return try evaluator.made(PythonText.strip(evaluator.text(of: value), .both, characters: characters))
            },
            "upper": Filter { evaluator, value, _ in
                try evaluator.made(PythonText.upper(evaluator.text(of: value)))
            },
            "lower": Filter { evaluator, value, _ in
                try evaluator.made(PythonText.lower(evaluator.text(of: value)))
            },
            "capitalize": Filter { evaluator, value, _ in
                try evaluator.made(PythonText.capitalize(evaluator.text(of: value)))
            },
            "title": Filter { evaluator, value, _ in try evaluator.made(title(evaluator.text(of: value))) },
            "string": Filter { evaluator, value, _ in
                if case .markup = value { value } else { .string(try evaluator.text(of: value)) }
            },
            "safe": Filter { evaluator, value, _ in .markup(try evaluator.text(of: value)) },
            "replace": Filter(["old", "new", "count"], required: 2) { evaluator, value, arguments in
                let texts = try arguments.prefix(2).map { argument in
                    RenderValue.string(try evaluator.text(of: argument ?? .none))
                }
                return try evaluator.replace(evaluator.text(of: value), texts + [arguments[2]])
            },
            "indent": Filter(["width", "first", "blank"]) { evaluator, value, arguments in
                try indent(evaluator, evaluator.text(of: value), arguments)
            },
            "tojson": Filter(["ensure_ascii", "indent", "separators", "sort_keys"]) { evaluator, value, arguments in
                try json(evaluator, value, arguments)
            },
        ]
    }()

    /// Jinja2's `title` capitalizes only the first letter after blanks, hyphens and opening brackets.
    private static func title(_ text: String) -> String {
        let openers: Set<Unicode.Scalar> = ["-", "(", "{", "[", "<"]
        var result = ""
        var startsWord = true
        for scalar in text.unicodeScalars {
            let isSeparator = openers.contains(scalar) || PythonText.isSpace(scalar)
            result += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
            startsWord = isSeparator
        }
        return result
    }

    private static func indent(
        _ evaluator: TemplateEvaluator, _ text: String, _ arguments: [RenderValue?]
    ) throws -> RenderValue {
        let blanks: String
        if case .string(let text)? = arguments[0] {
            blanks = text
        } else {
            let width = try arguments[0].map { try evaluator.integer($0, "width") } ?? 4
            guard width <= 1000 else { throw TemplateFault("an indentation is wider than 1000 blanks") }
            blanks = String(repeating: " ", count: max(0, width))
        }
        let indentsFirst = arguments[1]?.isTrue ?? false
        let indentsBlank = arguments[2]?.isTrue ?? false
        var result = indentsFirst ? blanks : ""
        let lines = PythonText.lines(text + "\n", keepEnds: false)
        for (index, line) in lines.enumerated() {
            if index > 0 {
                try evaluator.append("\n", to: &result)
                if indentsBlank || !line.isEmpty { try evaluator.append(blanks, to: &result) }
            }
            try evaluator.append(line, to: &result)
        }
        return .string(result)
    }

    private static func json(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: [RenderValue?]
    ) throws -> RenderValue {
        var indent: String?
        if case .string(let text)? = arguments[1] {
            indent = text
        } else if let width = arguments[1], !evaluator.isNone(width) {
            indent = PythonText.repeated(" ", min(max(0, try evaluator.integer(width, "indent")), 1001))
        }
        guard indent?.utf8.count ?? 0 <= 1000 else { throw TemplateFault("an indentation is wider than 1000 blanks") }
        var separators = [indent == nil ? ", " : ",", ": "]
        if let given = arguments[2], !evaluator.isNone(given) {
            separators = try evaluator.elements(of: given).map { try evaluator.string($0, "a separator") }
            guard separators.count == 2 else { throw TemplateFault("'separators' must be two strings") }
        }
        let writer = TemplateJSON(
            evaluator: evaluator, escapesNonASCII: arguments[0]?.isTrue ?? false, indent: indent,
            itemSeparator: separators[0], keySeparator: separators[1], sortsKeys: arguments[3]?.isTrue ?? false)
        return .string(try writer.text(of: value))
    }

    // MARK: Numbers

    static let numbers: [String: Filter] = {
        let length = Filter { _, value, _ in .integer(try count(of: value)) }
        return [
            "length": length, "count": length,
            "int": Filter(["default", "base"]) { evaluator, value, arguments in
                let base = try arguments[1].map { try evaluator.integer($0, "base") } ?? 10
                guard (2...36).contains(base) else { throw TemplateFault("a base must lie between 2 and 36") }
                return try integer(value, base: base) ?? arguments[0] ?? .integer(0)
            },
            "float": Filter(["default"]) { _, value, arguments in
                if case .undefined(let reason) = value { throw TemplateFault("\(reason), and is no number") }
                return (value.number ?? float(value)).map(RenderValue.float) ?? arguments[0] ?? .float(0)
            },
            "abs": Filter { _, value, _ in
                guard let number = value.number else {
                    throw TemplateFault("'abs' needs a number, not \(value.typeName)")
                }
                if number >= 0, !(number == 0 && number.sign == .minus) {
                    return try TemplateOperators.positive(value)
                }
                return try TemplateOperators.negate(value)
            },
            "round": Filter(["precision", "method"]) { evaluator, value, arguments in
                try round(evaluator, value, arguments)
            },
        ]
    }()

    private static func count(of value: RenderValue) throws -> Int {
        switch value {
        case .undefined: 0
        case .string(let text): text.unicodeScalars.count
        case .sequence(_, let items): items.elements.count
        case .dictionary(let dictionary): dictionary.entries.count
        case .loop(let loop): loop.items.elements.count
        default: throw TemplateFault("\(value.typeName) has no length")
        }
    }

    /// The result of Python's `int` for a value; nil if it fails.
    private static func integer(_ value: RenderValue, base: Int) throws -> RenderValue? {
        switch value {
        case .undefined(let reason): throw TemplateFault("\(reason), and is no number")
        case .integer, .boolean: return try TemplateOperators.positive(value)
        case .float(let number): return Int(exactly: number.rounded(.towardZero)).map(RenderValue.integer)
        case .string(let text):
            var digits = PythonText.strip(text, .both)
            if base == 10 || base == 16 || base == 8 || base == 2 {
                let prefix = [16: "0x", 8: "0o", 2: "0b"][base]
                if let prefix, digits.lowercased().hasPrefix(prefix) { digits.removeFirst(2) }
            }
            if let number = Int(withoutUnderscores(digits), radix: base) { return .integer(number) }
            return float(.string(text)).flatMap { Int(exactly: $0.rounded(.towardZero)) }.map(RenderValue.integer)
        default: return nil
        }
    }

    /// The number that Python's `float` reads from a text.
    static func float(_ value: RenderValue) -> Double? {
        guard case .string(let text) = value else { return nil }
        let digits = withoutUnderscores(PythonText.strip(text, .both)).lowercased()
        switch digits.drop(while: { "+-".contains($0) }) {
        case "inf", "infinity", "nan": return Double(digits)
        default: return digits.allSatisfy { "0123456789.e+-".contains($0) } ? Double(digits) : nil
        }
    }

    /// Drops underscores between digits, which Python's numbers may have.
    private static func withoutUnderscores(_ digits: String) -> String {
        let parts = digits.split(separator: "_", omittingEmptySubsequences: false)
        let areBetweenDigits = zip(parts, parts.dropFirst()).allSatisfy { left, right in
            left.last?.isNumber == true && right.first?.isNumber == true
        }
        return areBetweenDigits ? parts.joined() : digits
    }

    private static func round(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: [RenderValue?]
    ) throws -> RenderValue {
        guard let number = value.number else { throw TemplateFault("'round' needs a number, not \(value.typeName)") }
        let precision = try arguments[0].map { try evaluator.integer($0, "precision") } ?? 0
        guard (-15...15).contains(precision) else { throw TemplateFault("a precision must lie between -15 and 15") }
        let scale = pow(10, Double(precision))
        switch try evaluator.optionalString(arguments[1], "method") ?? "common" {
        case "common" where precision < 0:
            let rounded = (number * scale).rounded(.toNearestOrEven) / scale
            if case .float = value { return .float(rounded) }
            return .integer(Int(exactly: rounded.rounded()) ?? 0)
        case "common":
            if case .float = value { return .float(Double(String(format: "%.\(precision)f", number)) ?? number) }
            return value
        case "ceil": return .float((number * scale).rounded(.up) / scale)
        case "floor": return .float((number * scale).rounded(.down) / scale)
        default: throw TemplateFault("'round' knows the methods 'common', 'ceil' and 'floor'")
        }
    }
}
