/// Methods and attributes of lists, tuples, ranges and dictionaries.
enum TemplateCollectionMethods {
    /// Methods that would change a list or a dictionary. As in the sandbox of transformers, they are missing.
    private static let changing: [String: Set<String>] = [
        "list": ["append", "extend", "insert", "remove", "sort", "reverse", "pop", "clear"],
        "dictionary": ["pop", "popitem", "clear", "update", "setdefault"],
    ]

    static func member(_ name: String, of value: RenderValue) throws -> RenderValue? {
        switch value {
        case .sequence(.list, let items):
            return refused(name, "list") ?? (name == "copy" ? copy(of: value) : search(name, items, of: value))
        case .sequence(.tuple, let items): return search(name, items, of: value)
        case .sequence(.group, let items):
            switch name {
            case "grouper": return items.elements.first
            case "list": return items.elements.last
            default: return search(name, items, of: value)
            }
        case .sequence(.range(let range), let items):
            switch name {
            case "start": return .integer(range.start)
            case "stop": return .integer(range.stop)
            case "step": return .integer(range.step)
            default: return search(name, items, of: value)
            }
        case .dictionary(let dictionary):
            return refused(name, "dictionary") ?? member(name, of: dictionary, value)
        default: return nil
        }
    }

    private static func refused(_ name: String, _ type: String) -> RenderValue? {
        guard changing[type]?.contains(name) == true else { return nil }
        return .undefined("'\(name)' would change a \(type), which a chat template may not; build a new one")
    }

    private static func function(
        _ name: String, of value: RenderValue, _ parameters: [String] = [], required: Int = 0,
        _ body: @escaping (TemplateEvaluator, [RenderValue?]) throws -> RenderValue
    ) -> RenderValue {
        .function(
            RenderFunction(name, depth: value.depth + 1) { evaluator, arguments in
                let callee = "the method '\(name)' of \(value.typeName)"
                return try body(evaluator, arguments.bind(parameters, required: required, of: callee))
            })
    }

    private static func copy(of value: RenderValue) -> RenderValue {
        function("copy", of: value) { _, _ in value }
    }

    // MARK: Lists

    /// `index` and `count`.
    private static func search(_ name: String, _ items: RenderItems, of sequence: RenderValue) -> RenderValue? {
        func matches(
            _ evaluator: TemplateEvaluator, _ value: RenderValue, in range: Range<Int>
        ) throws -> [Int] {
            try evaluator.budget.visit(range.count)
            return try range.filter { index in
                try evaluator.budget.visit(min(value.weight, items.elements[index].weight))
                return items.elements[index] == value
            }
        }
        let count = items.elements.count
        switch name {
        case "count":
            return function(name, of: sequence, ["value"], required: 1) { evaluator, arguments in
                .integer(try matches(evaluator, arguments[0] ?? .none, in: 0..<count).count)
            }
        case "index":
            return function(name, of: sequence, ["value", "start", "stop"], required: 1) { evaluator, arguments in
                let range = try evaluator.bounds(arguments[1], arguments[2], count: count) ?? 0..<0
                guard let first = try matches(evaluator, arguments[0] ?? .none, in: range).first else {
                    throw TemplateFault("the value is not in the list")
                }
                return .integer(first)
            }
        default: return nil
        }
    }

    // MARK: Dictionaries

    private static func member(
        _ name: String, of dictionary: RenderDictionary, _ value: RenderValue
    ) -> RenderValue? {
        switch name {
        case "get":
            return function(name, of: value, ["key", "default"], required: 1) { evaluator, arguments in
                let key = arguments[0] ?? .none
                guard key.isHashable else { throw TemplateFault("\(key.typeName) cannot be a dictionary's key") }
                try evaluator.budget.visit(key.weight)
                return dictionary[key] ?? arguments[1] ?? .none
            }
        case "keys", "values", "items":
            guard let view = RenderValue.SequenceKind.View(rawValue: name) else { return nil }
            return function(name, of: value) { evaluator, _ in
                let elements: [RenderValue]
                switch view {
                case .keys: elements = dictionary.entries.map(\.key)
                case .values: elements = dictionary.entries.map(\.value)
                case .items: elements = try evaluator.pairs(of: dictionary)
                }
                return .sequence(.view(view), try RenderItems(elements, budget: evaluator.budget))
            }
        case "copy": return copy(of: value)
        case "fromkeys": return fromKeys
        default: return nil
        }
    }

    /// `dict.fromkeys`: a dictionary whose values are all the same.
    static var fromKeys: RenderValue {
        function("fromkeys", of: .none, ["iterable", "value"], required: 1) { evaluator, arguments in
            let value = arguments[1] ?? .none
            let pairs = try evaluator.elements(of: arguments[0] ?? .none).map { (key: $0, value: value) }
            return .dictionary(try RenderDictionary(pairs, budget: evaluator.budget))
        }
    }
}

extension TemplateEvaluator {
    func pairs(of dictionary: RenderDictionary) throws -> [RenderValue] {
        try dictionary.entries.map { try tuple([$0.key, $0.value]) }
    }

    /// The positions that the arguments `start` and `stop` of a search mean; nil if `start` lies behind `stop`.
    func bounds(_ start: RenderValue?, _ stop: RenderValue?, count: Int) throws -> Range<Int>? {
        func position(_ value: RenderValue?, otherwise: Int) throws -> Int {
            guard let value, !isNone(value) else { return otherwise }
            let index = try integer(value, "a position")
            return index < 0 ? max(0, index + count) : index
        }
        let from = try position(start, otherwise: 0)
        let to = min(try position(stop, otherwise: count), count)
        return from <= to ? from..<to : nil
    }
}
