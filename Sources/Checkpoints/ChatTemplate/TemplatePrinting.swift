/// The text of values: Python's `str` and `repr`.
extension TemplateEvaluator {
    /// The text that `{{ value }}` writes.
    func text(of value: RenderValue) throws -> String {
        switch value {
        case .undefined: return ""
        case .string(let text): return text
        default:
            var result = ""
            try print(value, into: &result)
            return result
        }
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
        case .sequence(.list, let items):
            try print(items, "[", "]", into: &result)
        case .sequence(.tuple, let items):
            try print(items, "(", items.elements.count == 1 ? ",)" : ")", into: &result)
        case .dictionary(let dictionary):
            try append("{", to: &result)
            for (index, entry) in dictionary.entries.enumerated() {
                if index > 0 { try append(", ", to: &result) }
                try print(entry.key, into: &result)
                try append(": ", to: &result)
                try print(entry.value, into: &result)
            }
            try append("}", to: &result)
        case .sequence, .stream, .namespace, .loop, .function:
            throw TemplateFault("\(value.typeName) cannot be printed")
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

    func stream(_ elements: [RenderValue]) throws -> RenderValue {
        .stream(RenderStream(try RenderItems(elements, budget: budget)))
    }

    func list(_ texts: [String]) throws -> RenderValue {
        for text in texts { try budget.make(bytes: text.utf8.count) }
        return try list(texts.map(RenderValue.string))
    }

    /// The elements that a `for` over `value` visits.
    func elements(of value: RenderValue) throws -> [RenderValue] {
        switch value {
        case .undefined: return []
        case .string(let text):
            try budget.make(bytes: text.utf8.count * MemoryLayout<RenderValue>.stride)
            return text.unicodeScalars.map { .string(String(Character($0))) }
        case .sequence(_, let items): return items.elements
        case .stream(let stream): return stream.take()
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
        guard case .string(let text) = value else {
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
