/// The text of values: Python's `str` and `repr`.
extension TemplateEvaluator {
    /// The text that `{{ value }}` writes.
    func text(of value: RenderValue) throws -> String {
        switch value {
        case .undefined: return ""
        case .string(let text), .markup(let text): return text
        default: return try representation(of: value)
        }
    }

    /// Python's `repr` of a value.
    func representation(of value: RenderValue) throws -> String {
        var result = ""
        try print(value, into: &result)
        return result
    }

    private func print(_ value: RenderValue, into result: inout String) throws {
        try budget.visit()
        switch value {
        case .undefined: try append("Undefined", to: &result)
        case .none: try append("None", to: &result)
        case .boolean(let flag): try append(flag ? "True" : "False", to: &result)
        case .integer(let number): try append(String(number), to: &result)
        case .float(let number): try append(PythonText.float(number), to: &result)
        case .string(let text): try append(PythonText.quoted(text), to: &result)
        case .markup(let text): try append("Markup(\(PythonText.quoted(text)))", to: &result)
        case .sequence(let kind, let items): try print(kind, items, into: &result)
        case .dictionary(let dictionary):
            try append("{", to: &result)
            for (index, entry) in dictionary.entries.enumerated() {
                if index > 0 { try append(", ", to: &result) }
                try print(entry.key, into: &result)
                try append(": ", to: &result)
                try print(entry.value, into: &result)
            }
            try append("}", to: &result)
        case .namespace(let namespace):
            let pairs = namespace.attributes.map { (key: RenderValue.string($0.name), value: $0.value) }
            try append("<Namespace ", to: &result)
            // A namespace can hold itself.
            try deeper { try print(.dictionary(RenderDictionary(pairs, budget: budget)), into: &result) }
            try append(">", to: &result)
        case .loop(let loop):
            try append("<LoopContext \(loop.index + 1)/\(loop.items.elements.count)>", to: &result)
        case .function(let function):
            guard let shown = function.shown else { throw unprintable(value) }
            try append(shown, to: &result)
        case .stream: throw unprintable(value)
        }
    }

    /// The fault for a value whose text would be an address in memory.
    private func unprintable(_ value: RenderValue) -> TemplateFault {
        TemplateFault("\(value.typeName) cannot be printed")
    }

    private func print(
        _ kind: RenderValue.SequenceKind, _ items: RenderItems, into result: inout String
    ) throws {
        switch kind {
        case .list: try print(items, "[", "]", into: &result)
        case .tuple, .group: try print(items, "(", items.elements.count == 1 ? ",)" : ")", into: &result)
        case .view(let view): try print(items, "dict_\(view.rawValue)([", "])", into: &result)
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            try append("range(\(range.start), \(range.stop)\(step))", to: &result)
        }
    }

    private func print(_ items: RenderItems, _ open: String, _ close: String, into result: inout String) throws {
        try append(open, to: &result)
        for (index, element) in items.elements.enumerated() {
            if index > 0 { try append(", ", to: &result) }
            try print(element, into: &result)
        }
        try append(close, to: &result)
    }

    /// Appends text and charges it to the budget.
    func append(_ text: String, to result: inout String) throws {
        try budget.make(bytes: text.utf8.count)
        result += text
    }

    /// A text value, charged to the budget.
    func made(_ text: String) throws -> RenderValue {
        try budget.make(bytes: text.utf8.count)
        return .string(text)
    }

    func list(_ elements: [RenderValue]) throws -> RenderValue {
        .sequence(.list, try RenderItems(elements, budget: budget))
    }

    func tuple(_ elements: [RenderValue]) throws -> RenderValue {
        .sequence(.tuple, try RenderItems(elements, budget: budget))
    }

    /// A stream of what `produce` makes of `source` once somebody visits it.
    func stream(
        over source: RenderValue, _ produce: @escaping (TemplateEvaluator) throws -> [RenderValue]
    ) throws -> RenderValue {
        // The evaluator does not keep its values alive, and outlives them.
        .stream(try RenderStream(over: source) { [unowned self] in try deeper { try produce(self) } })
    }

    func list(_ texts: [String]) throws -> RenderValue {
        for text in texts { try budget.make(bytes: text.utf8.count) }
        return try list(texts.map(RenderValue.string))
    }

    /// The elements that a `for` over `value` visits.
    func elements(of value: RenderValue) throws -> [RenderValue] {
        switch value {
        case .undefined: return []
        case .string(let text), .markup(let text):
            try budget.make(bytes: text.utf8.count * MemoryLayout<RenderValue>.stride)
            return text.unicodeScalars.map { .string(String(Character($0))) }
        case .sequence(_, let items): return items.elements
        case .stream(let stream): return try stream.take()
        case .dictionary(let dictionary): return dictionary.entries.map(\.key)
        default: throw TemplateFault("\(value.typeName) cannot be iterated over")
        }
    }

    /// `value` as an integer argument called `name`.
    func integer(_ value: RenderValue, _ name: String) throws -> Int {
        switch value {
        case .integer(let number): return number
        case .boolean(let flag): return flag ? 1 : 0
        default: throw TemplateFault("'\(name)' must be an integer, not \(value.typeName)")
        }
    }

    func string(_ value: RenderValue, _ name: String) throws -> String {
        guard case .string(let text) = value.withoutMarkup else {
            throw TemplateFault("'\(name)' must be a string, not \(value.typeName)")
        }
        return text
    }

    func isNone(_ value: RenderValue?) -> Bool {
        switch value {
        case nil, .some(.none): true
        default: false
        }
    }
}
