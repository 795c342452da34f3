/// `str.format` and `str.format_map` ("Format String Syntax" in the Python documentation), with attributes and items
/// looked up as templates look them up.
struct StringFormat {
    private let evaluator: TemplateEvaluator
    private let arguments: RenderArguments
    /// The number of the next field without a name; nil once a field has been numbered.
    private var nextField: Int? = 0

    static func text(
        _ format: String, _ arguments: RenderArguments, _ evaluator: TemplateEvaluator
    ) throws -> RenderValue {
        try evaluator.budget.visit(text: format)
        var formatter = StringFormat(evaluator: evaluator, arguments: arguments)
        return .string(try formatter.text(of: Array(format.unicodeScalars)[...], level: 0))
    }

    private init(evaluator: TemplateEvaluator, arguments: RenderArguments) {
        self.evaluator = evaluator
        self.arguments = arguments
    }

    private mutating func text(of format: ArraySlice<Unicode.Scalar>, level: Int) throws -> String {
        // A field may stand in another one's specification, which is at level 1, and no deeper.
        guard level < 3 else { throw TemplateFault("the fields of a format are nested too deep") }
        var result = ""
        var rest = format
        while !rest.isEmpty {
            let literal = rest.prefix { $0 != "{" && $0 != "}" }
            try evaluator.append(PythonText.string(literal), to: &result)
            rest = rest.dropFirst(literal.count)
            guard let brace = rest.popFirst() else { break }
            if rest.first == brace {
                rest.removeFirst()
                try evaluator.append(String(Character(brace)), to: &result)
            } else if brace == "{" {
                let field = try Self.field(&rest)
                try evaluator.append(text(ofField: field, level: level), to: &result)
            } else {
                throw TemplateFault("a single '}' stands in a format; write '}}'")
            }
        }
        return result
    }

    /// Takes a field up to its closing brace.
    private static func field(_ rest: inout ArraySlice<Unicode.Scalar>) throws -> ArraySlice<Unicode.Scalar> {
        var open = 1
        for index in rest.indices {
            open += rest[index] == "{" ? 1 : rest[index] == "}" ? -1 : 0
            if open == 0 {
                defer { rest = rest[(index + 1)...] }
                return rest[..<index]
            }
        }
        throw TemplateFault("a '{' in a format is never closed with '}'")
    }

    /// `name!conversion:specification`
    private mutating func text(ofField field: ArraySlice<Unicode.Scalar>, level: Int) throws -> String {
        var brackets = 0
        let nameEnd =
            field.firstIndex { scalar in
                brackets += scalar == "[" ? 1 : scalar == "]" ? -1 : 0
                return brackets == 0 && (scalar == "!" || scalar == ":")
            } ?? field.endIndex
        var value = try value(named: field[..<nameEnd])
        var rest = field[nameEnd...]
        if rest.first == "!" {
            let conversion = rest.dropFirst().first
            rest = rest.dropFirst(2)
            guard rest.isEmpty || rest.first == ":" else {
                throw TemplateFault("a ':' has to follow the conversion in a format")
            }
            switch conversion {
            case "s": value = .string(try evaluator.text(of: value))
            case "r": value = .string(try evaluator.representation(of: value))
            case "a": value = .string(PythonText.escapingNonASCII(try evaluator.representation(of: value)))
            default: throw TemplateFault("the conversions in a format are '!s', '!r' and '!a'")
            }
        }
        let specification = try text(of: rest.dropFirst(), level: level + 1)
        return try FormatSpecification(specification).text(of: value, evaluator)
    }

    /// The value of a name such as `0`, `user.name` or `list[0]`.
    private mutating func value(named name: ArraySlice<Unicode.Scalar>) throws -> RenderValue {
        let first = name.prefix { $0 != "." && $0 != "[" }
        var value = try argument(PythonText.string(first))
        var rest = name.dropFirst(first.count)
        while let mark = rest.popFirst() {
            if mark == "." {
                let attribute = rest.prefix { $0 != "." && $0 != "[" }
                guard !attribute.isEmpty else { throw TemplateFault("an attribute in a format has no name") }
                rest = rest.dropFirst(attribute.count)
                value = try evaluator.attribute(PythonText.string(attribute), of: value)
            } else {
                let key = rest.prefix { $0 != "]" }
                rest = rest.dropFirst(key.count)
                guard mark == "[", !key.isEmpty, rest.popFirst() == "]" else {
                    throw TemplateFault("an item in a format is not written as [key]")
                }
                let text = PythonText.string(key)
                value = try evaluator.item(Self.index(text).map(RenderValue.integer) ?? .string(text), of: value)
            }
        }
        return value
    }

    private mutating func argument(_ name: String) throws -> RenderValue {
        let position: Int
        if name.isEmpty {
            guard let next = nextField else { throw TemplateFault("a format has fields with and without numbers") }
            position = next
            nextField = next + 1
        } else if let number = Self.index(name) {
            if let next = nextField, next > 0 {
                throw TemplateFault("a format has fields with and without numbers")
            }
            nextField = nil
            position = number
        } else {
            guard let value = arguments.named.first(where: { $0.name == name })?.value else {
                throw TemplateFault("a format has no value named '\(name)'")
            }
            return value
        }
        guard arguments.positional.indices.contains(position) else {
            throw TemplateFault("a format needs more values than it is given")
        }
        return arguments.positional[position]
    }

    private static func index(_ text: String) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}
