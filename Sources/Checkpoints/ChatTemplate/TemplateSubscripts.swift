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
        switch (value, key) {
        case (.undefined(let reason), _):
            throw TemplateFault("\(reason), and has no items")
        case (.dictionary(let dictionary), _):
            try budget.visit(key.weight)
            if let found = dictionary[key] { return found }
        case (.sequence(let kind, let items), .integer(let index)) where kind != .view:
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
    private func member(_ name: String, of value: RenderValue) throws -> RenderValue? {
        switch value {
        case .undefined(let reason):
            throw TemplateFault("\(reason), and has no attribute '\(name)'")
        case .namespace(let namespace): return namespace.attributes[name]
        case .loop(let loop): return try TemplateMethods.attribute(name, of: loop)
        default:
            return try TemplateMethods.method(name, of: value).map(RenderValue.function)
        }
    }

    private func missing(_ name: String, of value: RenderValue) -> RenderValue {
        .undefined("\(value.typeName) has no attribute '\(name)'")
    }

    /// `value[start:stop:step]` with Python's rules for missing and negative bounds.
    func slice(_ value: RenderValue, start: RenderValue, stop: RenderValue, step: RenderValue) throws -> RenderValue {
        let by = isNone(step) ? 1 : try integer(step, "step")
        guard by != 0 else { throw TemplateFault("a slice's step cannot be zero") }
        func positions(_ count: Int) throws -> [Int] {
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
            return Array(stride(from: from, to: to, by: min(max(by, -count - 1), count + 1)))
        }
        switch value {
        case .string(let text):
            try budget.visit(text: text)
            let scalars = Array(text.unicodeScalars)
            return try made(PythonText.string(positions(scalars.count).map { scalars[$0] }))
        case .sequence(let kind, let items) where kind != .view:
            let chosen = try positions(items.elements.count).map { items.elements[$0] }
            return .sequence(kind, try RenderItems(chosen, budget: budget))
        case .undefined(let reason):
            throw TemplateFault("\(reason), and cannot be sliced")
        default:
            throw TemplateFault("\(value.typeName) cannot be sliced")
        }
    }
}
