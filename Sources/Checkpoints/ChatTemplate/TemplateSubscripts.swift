/// Attributes, items and slices of values.
extension TemplateEvaluator {
    /// `value.name`: a method or attribute first, then an item, as Jinja2 looks names up.
    func attribute(_ name: String, of value: RenderValue) throws -> RenderValue {
        if let found = try member(name, of: value) { return found }
        if case .dictionary(let dictionary) = value, let found = dictionary[.string(name)] { return found }
        return missing(name, of: value)
    }

    /// `value[key]`: an item first, then a method or attribute.
    func item(_ key: RenderValue, of value: RenderValue) throws -> RenderValue {
        // As in Python, true and false are the indices 1 and 0 of a sequence.
        var index = key
        if case .boolean(let flag) = key { index = .integer(flag ? 1 : 0) }
        let value = value.withoutMarkup
        switch (value, index) {
        case (.undefined(let reason), _):
            throw TemplateFault("\(reason), and has no items")
        case (.dictionary(let dictionary), _):
            try budget.visit(key.weight)
            if let found = dictionary[key] { return found }
        case (.sequence(let kind, let items), .integer(let index)) where !kind.isView:
            let position = index < 0 ? index + items.elements.count : index
            if items.elements.indices.contains(position) { return items.elements[position] }
        case (.string(let text), .integer(let index)):
            try budget.visit(text: text)
            let scalars = text.unicodeScalars
            let found =
                index < 0
                ? scalars.index(scalars.endIndex, offsetBy: index, limitedBy: scalars.startIndex)
                : scalars.index(scalars.startIndex, offsetBy: index, limitedBy: scalars.endIndex)
            if let found, found < scalars.endIndex { return .string(String(Character(scalars[found]))) }
        default: break
        }
        guard case .string(let name) = key else {
            return .undefined("\(value.typeName) has no such item")
        }
        return try member(name, of: value) ?? missing(name, of: value)
    }

    /// The methods and attributes of a value, without its items.
    func member(_ name: String, of value: RenderValue) throws -> RenderValue? {
        switch value {
        case .undefined(let reason):
            throw TemplateFault("\(reason), and has no attribute '\(name)'")
        case .namespace(let namespace): return namespace[name]
        case .loop(let loop): return try TemplateLoopAttributes.attribute(name, of: loop)
        case .function(let function): return try function.attributes(name)
        case .string(let text), .markup(let text):
            return try TemplateStringMethods.method(name, of: text).map(RenderValue.function)
        case .integer, .float, .boolean: return TemplateNumberMethods.member(name, of: value)
        case .sequence, .dictionary: return try TemplateCollectionMethods.member(name, of: value)
        case .none, .stream: return nil
        }
    }

    func missing(_ name: String, of value: RenderValue) -> RenderValue {
        .undefined("\(value.typeName) has no attribute '\(name)'")
    }

    /// `value[start:stop:step]` with Python's rules for missing and negative bounds.
    func slice(_ value: RenderValue, start: RenderValue, stop: RenderValue, step: RenderValue) throws -> RenderValue {
        let by = isNone(step) ? 1 : try integer(step, "step")
        guard by != 0 else { throw TemplateFault("a slice's step cannot be zero") }
        func bounds(_ count: Int) throws -> (from: Int, to: Int, by: Int) {
            let (low, high) = by > 0 ? (0, count) : (-1, count - 1)
            func bound(_ value: RenderValue, otherwise: Int) throws -> Int {
                guard !isNone(value) else { return otherwise }
                let index = try integer(value, "a slice's bound")
                return min(max(index < 0 ? index + count : index, low), high)
            }
            let from = try bound(start, otherwise: by > 0 ? low : high)
            let to = try bound(stop, otherwise: by > 0 ? high : low)
            try budget.visit(count / 64)
            // A longer step would skip everything and could overflow.
            return (from, to, min(max(by, -count - 1), count + 1))
        }
        switch value {
        case .string(let text), .markup(let text):
            try budget.visit(text: text)
            let scalars = Array(text.unicodeScalars)
            let (from, to, by) = try bounds(scalars.count)
            return try made(PythonText.string(stride(from: from, to: to, by: by).map { scalars[$0] }))
        case .sequence(let kind, let items) where !kind.isView:
            let (from, to, by) = try bounds(items.elements.count)
            let chosen = stride(from: from, to: to, by: by).map { items.elements[$0] }
            let part = try RenderItems(chosen, budget: budget)
            guard case .range(let range) = kind else { return .sequence(kind.grown, part) }
            let slice = RenderRange(
                start: range.start + from * range.step, stop: range.start + to * range.step, step: range.step * by)
            return .sequence(.range(slice), part)
        case .undefined(let reason):
            throw TemplateFault("\(reason), and cannot be sliced")
        default:
            throw TemplateFault("\(value.typeName) cannot be sliced")
        }
    }
}
