/// The filters of Jinja2 that chat templates use, with Jinja2's parameters, and `tojson` as transformers defines it.
enum TemplateFilters {
    static func isKnown(_ name: String) -> Bool { table[name] != nil || variadic.contains(name) }

    static func apply(
        _ name: String, to value: RenderValue, _ arguments: RenderArguments, evaluator: TemplateEvaluator
    ) throws -> RenderValue {
        if case .string(let text) = value {
            try evaluator.budget.visit(text: text)
        } else {
            try evaluator.budget.visit(value.weight)
        }
        if let filter = table[name] {
            let bound = try arguments.bind(filter.parameters, required: filter.required, of: "the filter '\(name)'")
            return try filter.body(evaluator, value, bound)
        }
        switch name {
        case "map": return try map(evaluator, value, arguments)
        case "select", "reject": return try select(evaluator, value, arguments, keeps: name == "select")
        default: return try selectByAttribute(evaluator, value, arguments, name)
        }
    }

    typealias Body = @Sendable (TemplateEvaluator, RenderValue, [RenderValue?]) throws -> RenderValue

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
        texts.merging(numbers) { first, _ in first }.merging(collections) { first, _ in first }

    /// Filters that pass arguments on to another filter or test.
    private static let variadic: Set = ["map", "select", "reject", "selectattr", "rejectattr"]

    // MARK: Filters that apply others

    private static func map(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: RenderArguments
    ) throws -> RenderValue {
        let elements = try evaluator.elements(of: value)
        guard arguments.positional.isEmpty else {
            let name = try evaluator.string(arguments.positional[0], "the filter of 'map'")
            guard isKnown(name) else { throw TemplateFault("the filter '\(name)' is not supported") }
            let rest = RenderArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
            // map("map", "map", …) recurses as often as it has arguments.
            return try evaluator.deeper {
                try evaluator.stream(elements.map { try apply(name, to: $0, rest, evaluator: evaluator) })
            }
        }
        let bound = try arguments.bind(["attribute", "default"], required: 1, of: "the filter 'map'")
        let attribute = bound[0] ?? .none
        return try evaluator.stream(
            elements.map { try evaluator.attribute(at: attribute, of: $0, otherwise: bound[1]) })
    }

    private static func select(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: RenderArguments, keeps: Bool
    ) throws -> RenderValue {
        try evaluator.stream(
            evaluator.elements(of: value).filter { element in
                try holds(evaluator, element, arguments.positional[...], arguments.named) == keeps
            })
    }

    private static func selectByAttribute(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: RenderArguments, _ filter: String
    ) throws -> RenderValue {
        guard let attribute = arguments.positional.first else {
            throw TemplateFault("the filter '\(filter)' needs an attribute's name")
        }
        return try evaluator.stream(
            evaluator.elements(of: value).filter { element in
                let found = try evaluator.attribute(at: attribute, of: element)
                let isMatch = try holds(evaluator, found, arguments.positional.dropFirst(), arguments.named)
                return isMatch == (filter == "selectattr")
            })
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
