/// Filters on lists and dictionaries.
extension TemplateFilters {
    static let collections: [String: Filter] = [
        "list": Filter { evaluator, value, _ in try evaluator.list(evaluator.elements(of: value)) },
        "first": Filter { evaluator, value, _ in
            try evaluator.elements(of: value).first ?? .undefined("there is no first item")
        },
        "last": Filter { evaluator, value, _ in
            if case .stream = value { throw TemplateFault("a generator has no last item; use 'list' before 'last'") }
            return try evaluator.elements(of: value).last ?? .undefined("there is no last item")
        },
        "join": Filter(["d", "attribute"]) { evaluator, value, arguments in
            try join(evaluator, value, arguments)
        },
        "reverse": Filter { evaluator, value, _ in
            if case .string(let text) = value {
                return try evaluator.made(PythonText.string(text.unicodeScalars.reversed()))
            }
            let elements = try evaluator.elements(of: value)
            return try evaluator.stream(over: value) { _ in elements.reversed() }
        },
        "items": Filter { evaluator, value, _ in
            try evaluator.stream(over: value) { evaluator in
                switch value {
                case .undefined: return []
                case .dictionary(let dictionary): return try evaluator.pairs(of: dictionary)
                default: throw TemplateFault("'items' needs a dictionary, not \(value.typeName)")
                }
            }
        },
        "random": Filter { evaluator, value, _ in
            switch value {
            case .string, .sequence: break
            default: throw TemplateFault("'random' needs a list, not \(value.typeName)")
            }
            return try evaluator.elements(of: value).randomElement() ?? .undefined("there is no item to choose from")
        },
        "sort": Filter(["reverse", "case_sensitive", "attribute"]) { evaluator, value, arguments in
            let keyed = try keyedBySeveral(evaluator, value, caseSensitive: arguments[1], attributes: arguments[2])
            return try evaluator.list(sorted(evaluator, keyed, isReversed: arguments[0]?.isTrue ?? false))
        },
        "dictsort": Filter(["case_sensitive", "by", "reverse"]) { evaluator, value, arguments in
            guard case .dictionary(let dictionary) = value else {
                throw TemplateFault("'dictsort' needs a dictionary, not \(value.typeName)")
            }
            let by = try evaluator.optionalString(arguments[1], "by") ?? "key"
            guard by == "key" || by == "value" else { throw TemplateFault("'dictsort' sorts by 'key' or 'value'") }
            let pairs = try evaluator.list(evaluator.pairs(of: dictionary))
            let keyed = try keyed(
                evaluator, pairs, caseSensitive: arguments[0], attribute: .integer(by == "key" ? 0 : 1))
            return try evaluator.list(sorted(evaluator, keyed, isReversed: arguments[2]?.isTrue ?? false))
        },
        "unique": Filter(["case_sensitive", "attribute"]) { evaluator, value, arguments in
            try evaluator.stream(over: value) { evaluator in
                var seen: Set<RenderValue> = []
                let keyed = try keyed(evaluator, value, caseSensitive: arguments[0], attribute: arguments[1])
                return try keyed.filter { pair in
                    guard pair.key.isHashable else {
                        throw TemplateFault("'unique' cannot compare \(pair.key.typeName)")
                    }
                    return seen.insert(pair.key).inserted
                }.map(\.value)
            }
        },
        "min": Filter(["case_sensitive", "attribute"]) { evaluator, value, arguments in
            try extreme(evaluator, value, arguments, isMaximum: false)
        },
        "max": Filter(["case_sensitive", "attribute"]) { evaluator, value, arguments in
            try extreme(evaluator, value, arguments, isMaximum: true)
        },
        "sum": Filter(["attribute", "start"]) { evaluator, value, arguments in
            let attribute = evaluator.isNone(arguments[0]) ? nil : arguments[0]
            if case .string? = arguments[1] { throw TemplateFault("'sum' does not add texts; use 'join'") }
            return try evaluator.elements(of: value).reduce(arguments[1] ?? .integer(0)) { sum, element in
                let term = try attribute.map { try evaluator.attribute(at: $0, of: element) } ?? element
                return try TemplateOperators.arithmetic(.add, sum, term, evaluator: evaluator)
            }
        },
    ]

    typealias Keyed = (key: RenderValue, value: RenderValue)

    private static func join(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: [RenderValue?]
    ) throws -> RenderValue {
        let separator = try arguments[0].map(evaluator.text) ?? ""
        let attribute = evaluator.isNone(arguments[1]) ? nil : arguments[1]
        var result = ""
        for (index, element) in try evaluator.elements(of: value).enumerated() {
            if index > 0 { try evaluator.append(separator, to: &result) }
            let part = try attribute.map { try evaluator.attribute(at: $0, of: element) } ?? element
            try evaluator.append(evaluator.text(of: part), to: &result)
        }
        return .string(result)
    }

    /// The elements of `value` with their keys for comparisons: themselves or an attribute, without case unless asked
    /// otherwise.
    static func keyed(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, caseSensitive: RenderValue?, attribute: RenderValue?
    ) throws -> [Keyed] {
        let attribute = evaluator.isNone(attribute) ? nil : attribute
        return try evaluator.elements(of: value).map { element in
            var key = try attribute.map { try evaluator.attribute(at: $0, of: element) } ?? element
            if case .string(let text) = key, !(caseSensitive?.isTrue ?? false) {
                key = try evaluator.made(PythonText.lower(text))
            }
            return (key, element)
        }
    }

    /// The same, but `attributes` may name several, separated by commas; the keys are lists then.
    private static func keyedBySeveral(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, caseSensitive: RenderValue?, attributes: RenderValue?
    ) throws -> [Keyed] {
        guard case .string(let names)? = attributes, names.utf8.contains(0x2C) else {
            return try keyed(evaluator, value, caseSensitive: caseSensitive, attribute: attributes)
        }
        let elements = try evaluator.list(evaluator.elements(of: value))
        var keys: [[RenderValue]] = []
        for name in PythonText.split(names, by: ",", limit: -1) {
            let column = try keyed(evaluator, elements, caseSensitive: caseSensitive, attribute: .string(name))
            if keys.isEmpty { keys = column.map { _ in [] } }
            for (index, pair) in column.enumerated() { keys[index].append(pair.key) }
        }
        return try zip(keys, evaluator.elements(of: elements)).map { (try evaluator.list($0), $1) }
    }

    /// Sorts so that elements with equal keys keep their order, in reverse too, as Python's sort does.
    static func sorted(
        _ evaluator: TemplateEvaluator, _ keyed: [Keyed], isReversed: Bool
    ) throws -> [RenderValue] {
        try keyed.enumerated().sorted { left, right in
            let (low, high) = isReversed ? (right.element, left.element) : (left.element, right.element)
            if try TemplateOperators.isLess(low.key, high.key, evaluator) { return true }
            if try TemplateOperators.isLess(high.key, low.key, evaluator) { return false }
            return left.offset < right.offset
        }.map(\.element.value)
    }

    private static func extreme(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: [RenderValue?], isMaximum: Bool
    ) throws -> RenderValue {
        let keyed = try keyed(evaluator, value, caseSensitive: arguments[0], attribute: arguments[1])
        guard var best = keyed.first else { return .undefined("there is no item to choose from") }
        for pair in keyed.dropFirst() {
            let (low, high) = isMaximum ? (best, pair) : (pair, best)
            if try TemplateOperators.isLess(low.key, high.key, evaluator) { best = pair }
        }
        return best.value
    }
}
