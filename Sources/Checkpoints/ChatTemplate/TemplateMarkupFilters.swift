/// Filters for HTML and URLs.
extension TemplateFilters {
    static let markup: [String: Filter] = {
        let force = Filter { evaluator, value, _ in
            let text = HTMLText.escaped(try evaluator.text(of: value))
            try evaluator.budget.make(bytes: text.utf8.count)
            return .markup(text)
        }
        let escape = Filter { evaluator, value, arguments in
            if case .markup = value { value } else { try force.body(evaluator, value, arguments) }
        }
        return [
            "escape": escape, "e": escape, "forceescape": force,
            "striptags": Filter { evaluator, value, _ in
                try evaluator.made(HTMLText.strippingTags(evaluator.text(of: value)))
            },
            "urlencode": Filter { evaluator, value, _ in try urlEncoded(evaluator, value) },
            "xmlattr": Filter(["autospace"]) { evaluator, value, arguments in
                try attributes(evaluator, value, startsWithBlank: arguments[0]?.isTrue ?? true)
            },
            "urlize": Filter(["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"]) {
                evaluator, value, arguments in
                try linked(evaluator, evaluator.text(of: value), arguments)
            },
        ]
    }()

    private static func attributes(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, startsWithBlank: Bool
    ) throws -> RenderValue {
        guard case .dictionary(let dictionary) = value else {
            throw TemplateFault("'xmlattr' needs a dictionary, not \(value.typeName)")
        }
        var result = ""
        for (key, value) in dictionary.entries where !value.isUndefined && !evaluator.isNone(value) {
            let name = try evaluator.text(of: key)
            guard !name.unicodeScalars.contains(where: { PythonText.isSpace($0) || "/>=".unicodeScalars.contains($0) })
            else { throw TemplateFault("'\(name)' cannot be the name of an attribute") }
            if !result.isEmpty || startsWithBlank { try evaluator.append(" ", to: &result) }
            let text = try HTMLText.escaped(evaluator.text(of: value))
            try evaluator.append("\(HTMLText.escaped(name))=\"\(text)\"", to: &result)
        }
        return .string(result)
    }

    // MARK: URLs

    private static func urlEncoded(_ evaluator: TemplateEvaluator, _ value: RenderValue) throws -> RenderValue {
        let pairs: [RenderValue]
        switch value {
        case .dictionary(let dictionary): pairs = try evaluator.pairs(of: dictionary)
        case .sequence, .stream, .undefined: pairs = try evaluator.elements(of: value)
        default: return try evaluator.made(quoted(evaluator.text(of: value), isInQuery: false))
        }
        let parts = try pairs.map { pair in
            let two = try evaluator.elements(of: pair)
            guard two.count == 2 else { throw TemplateFault("'urlencode' needs pairs of a key and a value") }
            return try two.map { quoted(try evaluator.text(of: $0), isInQuery: true) }.joined(separator: "=")
        }
        return try evaluator.made(parts.joined(separator: "&"))
    }

    private static func quoted(_ text: String, isInQuery: Bool) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "/") where !isInQuery: result += "/"
            case UInt8(ascii: " ") where isInQuery: result += "+"
            default: result += "%" + PythonText.hexadecimal(UInt32(byte), width: 2).uppercased()
            }
        }
    }

    private static func linked(
        _ evaluator: TemplateEvaluator, _ text: String, _ arguments: [RenderValue?]
    ) throws -> RenderValue {
        let limit = evaluator.isNone(arguments[0]) ? nil : try arguments[0].map { try evaluator.integer($0, "limit") }
        var relations = Set(PythonText.words(try evaluator.optionalString(arguments[3], "rel") ?? "", limit: -1))
        if arguments[1]?.isTrue ?? false { relations.insert("nofollow") }
        relations.insert("noopener")
        let schemes =
            try evaluator.isNone(arguments[4])
            ? [] : evaluator.elements(of: arguments[4] ?? .none).map { try evaluator.string($0, "a scheme") }
        for scheme in schemes where !LinkedText.isScheme(scheme) {
            throw TemplateFault("'\(scheme)' is no scheme of a URL, such as 'ftp:'")
        }
        let target = try evaluator.optionalString(arguments[2], "target")
        let linker = LinkedText(
            limit: limit, relations: relations.sorted().joined(separator: " "), target: target, schemes: schemes)
        return try evaluator.made(linker.text(HTMLText.escaped(text)))
    }
}
