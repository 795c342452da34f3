/// The filter `tojson` as transformers defines it: Python's `json.dumps`, which unlike Jinja2's own filter neither
/// escapes HTML nor sorts keys.
struct TemplateJSON {
    let evaluator: TemplateEvaluator
    let escapesNonASCII: Bool
    /// The blanks, or another text, for each level; nil writes everything in one line.
    let indent: String?
    let itemSeparator: String
    let keySeparator: String
    let sortsKeys: Bool

    func text(of value: RenderValue) throws -> String {
        var result = ""
        try write(value, level: 0, into: &result)
        return result
    }

    private func write(_ value: RenderValue, level: Int, into result: inout String) throws {
        try evaluator.budget.visit()
        switch value {
        case .none, .boolean, .integer, .float: try evaluator.append(scalar(value), to: &result)
        case .string(let text), .markup(let text): try evaluator.append(quoted(text), to: &result)
        case .sequence(.list, let items), .sequence(.tuple, let items):
            try write("[", items.elements, "]", level: level, into: &result) { element, result in
                try write(element, level: level + 1, into: &result)
            }
        case .dictionary(let dictionary):
            try write("{", entries(of: dictionary), "}", level: level, into: &result) { entry, result in
                try evaluator.append(quoted(entry.key) + keySeparator, to: &result)
                try write(entry.value, level: level + 1, into: &result)
            }
        default:
            throw TemplateFault("\(value.typeName) cannot be written as JSON")
        }
    }

    private func write<Element>(
        _ open: String, _ elements: [Element], _ close: String, level: Int, into result: inout String,
        _ body: (Element, inout String) throws -> Void
    ) throws {
        try evaluator.append(open, to: &result)
        for (index, element) in elements.enumerated() {
            if index > 0 { try evaluator.append(itemSeparator, to: &result) }
            try breakLine(level: level + 1, into: &result)
            try body(element, &result)
        }
        if !elements.isEmpty { try breakLine(level: level, into: &result) }
        try evaluator.append(close, to: &result)
    }

    private func breakLine(level: Int, into result: inout String) throws {
        guard let indent else { return }
        // `level` is bounded by the depth of values, `indent` by the filter.
        try evaluator.append("\n" + PythonText.repeated(indent, level), to: &result)
    }

    private func entries(of dictionary: RenderDictionary) throws -> [(key: String, value: RenderValue)] {
        let entries = try dictionary.entries.map { (key: try key($0.key), value: $0.value) }
        guard sortsKeys else { return entries }
        try evaluator.budget.visit(dictionary.weight)
        return entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    private func key(_ value: RenderValue) throws -> String {
        switch value {
        case .string(let text), .markup(let text): return text
        case .none, .boolean, .integer, .float: return scalar(value)
        default: throw TemplateFault("\(value.typeName) cannot be a key in JSON")
        }
    }

    private func scalar(_ value: RenderValue) -> String {
        switch value {
        case .boolean(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .float(let number):
            number.isNaN
                ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : PythonText.float(number)
        default: "null"
        }
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{08}": result += "\\b"
            case "\u{0C}": result += "\\f"
            default:
                if scalar.value < 0x20 || (escapesNonASCII && scalar.value > 0x7E) {
                    for unit in String(Character(scalar)).utf16 {
                        result += "\\u" + PythonText.hexadecimal(UInt32(unit), width: 4)
                    }
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
