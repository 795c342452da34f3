/// The tests of Jinja2, as in `value is defined`.
enum TemplateTests {
    static func isKnown(_ name: String) -> Bool { table[name] != nil }

    static func apply(
        _ name: String, to value: RenderValue, _ arguments: RenderArguments, evaluator: TemplateEvaluator
    ) throws -> Bool {
        if name == "escaped", case .markup = value { return true }
        let value = value.withoutMarkup
        let arguments = arguments.withoutMarkup
        guard let test = table[name] else { throw TemplateFault("there is no test '\(name)'") }
        let bound = try arguments.bind(test.parameters, required: test.parameters.count, of: "the test '\(name)'")
        return try test.body(evaluator, value, bound.map { $0 ?? .none })
    }

    private struct Test: Sendable {
        let parameters: [String]
        let body: @Sendable (TemplateEvaluator, RenderValue, [RenderValue]) throws -> Bool

        init(_ holds: @escaping @Sendable (RenderValue) throws -> Bool) {
            parameters = []
            body = { _, value, _ in try holds(value) }
        }

        init(_ operation: TemplateExpression.Comparison) {
            parameters = ["other"]
            body = { try TemplateOperators.compare(operation, $1, $2[0], evaluator: $0) }
        }

        init(
            _ parameter: String?,
            _ body: @escaping @Sendable (TemplateEvaluator, RenderValue, [RenderValue]) throws -> Bool
        ) {
            parameters = [parameter].compactMap { $0 }
            self.body = body
        }
    }

    private static let table: [String: Test] = {
        var table: [String: Test] = [
            "defined": Test { !$0.isUndefined },
            "undefined": Test { $0.isUndefined },
            "none": Test { if case .none = $0 { true } else { false } },
            "boolean": Test { if case .boolean = $0 { true } else { false } },
            "true": Test { if case .boolean(true) = $0 { true } else { false } },
            "false": Test { if case .boolean(false) = $0 { true } else { false } },
            "integer": Test { if case .integer = $0 { true } else { false } },
            "float": Test { if case .float = $0 { true } else { false } },
            // A boolean counts as a number in Python.
            "number": Test { $0.number != nil },
            "string": Test { if case .string = $0 { true } else { false } },
            "mapping": Test { if case .dictionary = $0 { true } else { false } },
            "sequence": Test(isSequence),
            "iterable": Test(isIterable),
            "callable": Test(isCallable),
            "filter": Test { if case .string(let name) = $0 { TemplateFilters.isKnown(name) } else { false } },
            "test": Test { if case .string(let name) = $0 { isKnown(name) } else { false } },
            "even": Test { try remainder($0, .integer(2)) == 0 },
            "odd": Test { try remainder($0, .integer(2)) == 1 },
            "divisibleby": Test("num") { _, value, arguments in try remainder(value, arguments[0]) == 0 },
            "lower": Test(nil) { evaluator, value, _ in
                PythonText.isCased(try evaluator.text(of: value)) { $0.properties.isLowercase }
            },
            "upper": Test(nil) { evaluator, value, _ in
                PythonText.isCased(try evaluator.text(of: value)) { $0.properties.isUppercase }
            },
            "in": Test(.isIn),
            // Escaped text does not come here.
            "escaped": Test { _ in false },
            "sameas": Test("other") { _, value, arguments in isSame(value, arguments[0]) },
        ]
        let comparisons: [(TemplateExpression.Comparison, [String])] = [
            (.equal, ["eq", "equalto", "=="]), (.notEqual, ["ne", "!="]), (.less, ["lt", "lessthan", "<"]),
            (.lessOrEqual, ["le", "<="]), (.greater, ["gt", "greaterthan", ">"]), (.greaterOrEqual, ["ge", ">="]),
        ]
        for (operation, names) in comparisons {
            for name in names { table[name] = Test(operation) }
        }
        return table
    }()

    /// Whether a value has a length and items. A missing value has both in Jinja2, and a dictionary too.
    private static func isSequence(_ value: RenderValue) -> Bool {
        switch value {
        case .undefined, .string, .dictionary: true
        case .sequence(let kind, _): !kind.isView
        default: false
        }
    }

    private static func isIterable(_ value: RenderValue) -> Bool {
        switch value {
        case .undefined, .string, .dictionary, .sequence, .stream, .loop: true
        default: false
        }
    }

    /// Whether a value can be called. A missing value can, as far as Python knows, and fails then.
    private static func isCallable(_ value: RenderValue) -> Bool {
        switch value {
        case .undefined, .loop: true
        case .function(let function): function.isCallable
        default: false
        }
    }

    private static func remainder(_ value: RenderValue, _ divisor: RenderValue) throws -> Int {
        guard let number = value.wholeNumber, let by = divisor.wholeNumber, by != 0 else {
            throw TemplateFault("divisibility needs integers, and no zero to divide by")
        }
        // Without this check, the smallest integer divided by -1 would overflow.
        guard by != -1 else { return 0 }
        return abs(number % by)
    }

    /// Whether two arrays share their memory. Empty ones have none, and count as different objects.
    private static func isSame<Element>(_ elements: [Element], _ others: [Element]) -> Bool {
        guard !elements.isEmpty, elements.count == others.count else { return false }
        return elements.withUnsafeBufferPointer { a in
            others.withUnsafeBufferPointer { a.baseAddress == $0.baseAddress }
        }
    }

    /// Identity. Numbers and short texts have one object for each value, as Python's constants do.
    private static func isSame(_ value: RenderValue, _ other: RenderValue) -> Bool {
        switch (value, other) {
        case (.none, .none), (.undefined, .undefined): true
        case (.boolean(let a), .boolean(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.float(let a), .float(let b)): a == b
        case (.string, .string): value == other
        case (.sequence(_, let a), .sequence(_, let b)): isSame(a.elements, b.elements)
        case (.dictionary(let a), .dictionary(let b)): isSame(a.entries, b.entries)
        case (.stream(let a), .stream(let b)): a === b
        case (.namespace(let a), .namespace(let b)): a === b
        case (.loop(let a), .loop(let b)): a === b
        case (.function(let a), .function(let b)): a === b
        default: false
        }
    }
}
