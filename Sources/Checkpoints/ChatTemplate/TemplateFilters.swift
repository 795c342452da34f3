/// The filters of Jinja2 with Jinja2's parameters, and `tojson` as transformers defines it.
enum TemplateFilters {
    static func isKnown(_ name: String) -> Bool { table[name] != nil || variadic[name] != nil }

    static func apply(
        _ name: String, to value: RenderValue, _ arguments: RenderArguments, evaluator: TemplateEvaluator
    ) throws -> RenderValue {
        if case .string(let text) = value {
            try evaluator.budget.visit(text: text)
        } else {
            try evaluator.budget.visit(value.weight)
        }
        let value = keepingMarkup.contains(name) ? value : value.withoutMarkup
        let arguments = arguments.withoutMarkup
        if let filter = table[name] {
            let bound = try arguments.bind(filter.parameters, required: filter.required, of: "the filter '\(name)'")
            return try filter.body(evaluator, value, bound)
        }
        guard let filter = variadic[name] else { throw TemplateFault("there is no filter '\(name)'") }
        return try filter(evaluator, value, arguments)
    }

    typealias Body = @Sendable (TemplateEvaluator, RenderValue, [RenderValue?]) throws -> RenderValue

    typealias VariadicBody = @Sendable (TemplateEvaluator, RenderValue, RenderArguments) throws -> RenderValue

    struct Filter: Sendable {
        let parameters: [String]
        let required: Int
        let body: Body

        init(_ parameters: [String] = [], required: Int = 0, _ body: @escaping Body) {
            self.parameters = parameters
            self.required = required
            self.body = body
        }
    }

    private static let table: [String: Filter] =
        [texts, numbers, collections, groups, markup, foldings].reduce(into: [:]) { table, part in
            table.merge(part) { first, _ in first }
        }

    /// Filters that tell escaped text from other text.
    private static let keepingMarkup: Set = ["escape", "e", "safe", "string", "default", "d", "list", "first", "last"]

    /// Filters that pass arguments on: to another filter, to a test, to a format.
    private static let variadic: [String: VariadicBody] = [
        "map": map,
        "select": { try select($0, $1, $2, keeps: true) },
        "reject": { try select($0, $1, $2, keeps: false) },
        "selectattr": { try selectByAttribute($0, $1, $2, keeps: true) },
        "rejectattr": { try selectByAttribute($0, $1, $2, keeps: false) },
        "format": format,
    ]

    // MARK: Filters that apply others

    /// A stream of what `produce` makes of the elements of `value`: of none, and of whatever else is false, nothing.
    private static func lazily(
        _ evaluator: TemplateEvaluator, over value: RenderValue,
        _ produce: @escaping (TemplateEvaluator, [RenderValue]) throws -> [RenderValue]
    ) throws -> RenderValue {
        try evaluator.stream(over: value) { evaluator in
            value.isTrue ? try produce(evaluator, evaluator.elements(of: value)) : []
        }
    }

    private static func map(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: RenderArguments
    ) throws -> RenderValue {
        try lazily(evaluator, over: value) { evaluator, elements in
            guard arguments.positional.isEmpty else {
                let name = try evaluator.string(arguments.positional[0], "the filter of 'map'")
                let rest = RenderArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
                return try elements.map { try apply(name, to: $0, rest, evaluator: evaluator) }
            }
            let bound = try arguments.bind(["attribute", "default"], required: 1, of: "the filter 'map'")
            let attribute = bound[0] ?? .none
            let standard = evaluator.isNone(bound[1]) ? nil : bound[1]
            return try elements.map { try evaluator.attribute(at: attribute, of: $0, otherwise: standard) }
        }
    }

    private static func select(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: RenderArguments, keeps: Bool
    ) throws -> RenderValue {
        try lazily(evaluator, over: value) { evaluator, elements in
            try elements.filter { try holds(evaluator, $0, arguments.positional[...], arguments.named) == keeps }
        }
    }

    private static func selectByAttribute(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: RenderArguments, keeps: Bool
    ) throws -> RenderValue {
        try lazily(evaluator, over: value) { evaluator, elements in
            guard let attribute = arguments.positional.first else {
                throw TemplateFault("'selectattr' and 'rejectattr' need an attribute's name")
            }
            return try elements.filter { element in
                let found = try evaluator.attribute(at: attribute, of: element)
                return try holds(evaluator, found, arguments.positional.dropFirst(), arguments.named) == keeps
            }
        }
    }

    private static func format(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: RenderArguments
    ) throws -> RenderValue {
        guard arguments.positional.isEmpty || arguments.named.isEmpty else {
            throw TemplateFault("the filter 'format' takes values with names or without, not both")
        }
        let format = try evaluator.text(of: value)
        let pairs = arguments.named.map { (key: RenderValue.string($0.name), value: $0.value) }
        let values =
            pairs.isEmpty
            ? try evaluator.tuple(arguments.positional)
            : .dictionary(try RenderDictionary(pairs, budget: evaluator.budget))
        return try PercentFormat.text(format, values, evaluator)
    }

    /// Whether `value` passes the test named first in `arguments`, or is true if none is named.
    private static func holds(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: ArraySlice<RenderValue>,
        _ named: [(name: String, value: RenderValue)]
    ) throws -> Bool {
        try evaluator.budget.visit()
        guard let test = arguments.first else { return value.isTrue }
        let rest = RenderArguments(positional: Array(arguments.dropFirst()), named: named)
        return try TemplateTests.apply(evaluator.string(test, "the test's name"), to: value, rest, evaluator: evaluator)
    }
}

extension TemplateEvaluator {
    /// The attribute at a dotted path such as `function.name` or `0.role`, or at an index.
    func attribute(
        at path: RenderValue, of value: RenderValue, otherwise: RenderValue? = nil
    ) throws -> RenderValue {
        try budget.visit()
        let keys: [RenderValue]
        switch path {
        case .string(let text):
            keys = PythonText.split(text, by: ".", limit: -1).map { part in
                part.utf8.allSatisfy { (0x30...0x39).contains($0) }
                    ? Int(part).map(RenderValue.integer) ?? .string(part) : .string(part)
            }
        default: keys = [.integer(try integer(path, "attribute"))]
        }
        return try keys.reduce(value) { found, key in
            let next = try item(key, of: found)
            return next.isUndefined ? otherwise ?? next : next
        }
    }
}
