// The printer of the text form. ``Parser`` documents the grammar.

extension TensorType: CustomStringConvertible {
    /// The text form, such as `f32[rows,288]`.
    public var description: String {
        let extents = shape.map { extent in
            switch extent {
            case .rows: "rows"
            case .fixed(let n): String(n)
            }
        }
        return "\(element)[\(extents.joined(separator: ","))]"
    }
}

extension Recurrence {
    /// The text form: `induction` or the number.
    var text: String {
        switch self {
        case .number(let number): String(number)
        case .induction: "induction"
        }
    }
}

extension Attribute {
    /// The text form: for a number, the shortest one that reads back as the same number.
    var text: String {
        switch self {
        case .integer(let value): String(value)
        case .float(let value): value.isNaN ? "nan" : value.description
        case .recurrence(let value): value.text
        }
    }
}

extension TripCount {
    var text: String {
        switch self {
        case .number(let number): String(number)
        case .recurrences: "recurrences"
        }
    }
}

extension Weight: CustomStringConvertible {
    /// The text form, such as `weight @name : bf16[288,288] = @source[288,576][:, 0:288]`.
    public var description: String {
        let declaration = "weight @\(name) : \(type)"
        return source == nil ? declaration : "\(declaration) = \(sourceText)"
    }

    /// The origin of the numbers as the text form has it after `=`. For the tensor of the weight's own name, that name.
    public var sourceText: String {
        switch source {
        case nil: "@\(name)"
        case .pieces(let pieces): pieces.map(\.text).joined(separator: ", ")
        case .frequencies(let frequencies): "frequencies {\(frequencies.text)}"
        }
    }
}

extension WeightPiece {
    var text: String {
        let range = columns.map { "[:, \($0.lowerBound):\($0.upperBound)]" } ?? ""
        return "@\(tensor)[\(shape.map(String.init).joined(separator: ","))]\(range)\(pairing.text)"
    }
}

extension RotaryPairing {
    fileprivate var text: String {
        switch self {
        case .interleaved: ""
        case .halves(let heads, let dimension): " halves \(heads) of \(dimension)"
        }
    }
}

extension RotaryFrequencies {
    var text: String {
        guard let scaling else { return "base = \(base)" }
        let numbers = scaling.method.parameters.map { "\($0) = \(scaling.numbers[$0] ?? .nan)" }
        return (["base = \(base)", "scaling = \(scaling.method.rawValue)"] + numbers).joined(separator: ", ")
    }
}

extension Cache: CustomStringConvertible {
    /// The text form, such as `cache @name : f32[3,96] recurrent`.
    public var description: String { "cache @\(name) : \(type)" + (isRecurrent ? " recurrent" : "") }
}

extension Operation: CustomStringConvertible {
    /// The text form: one line, or several for `repeat`.
    public var description: String {
        var lines: [String] = []
        print(indent: "", into: &lines)
        return lines.joined(separator: "\n")
    }

    /// The text form up to the body, which is the part that messages quote.
    public var firstLine: String {
        let opening = results.isEmpty ? "" : list(results) + " = "
        let types = results.isEmpty ? "" : " : " + results.map(\.type.description).joined(separator: ", ")
        if let body {
            let carried = (0..<max(operands.count, body.parameters.count)).map { index in
                let parameter = index < body.parameters.count ? "%" + body.parameters[index].name : "?"
                let operand = index < operands.count ? "%" + operands[index].name : "?"
                return "\(parameter) = \(operand)"
            }
            return "\(opening)\(opcode.rawValue) \(body.count.text) (\(carried.joined(separator: ", ")))\(types) {"
        }
        let inputs = operands.map { "%" + $0.name } + symbols.map { "@" + $0 }
        let space = inputs.isEmpty ? "" : " "
        let constants = attributeText.map { " {\($0)}" } ?? ""
        return "\(opening)\(opcode.rawValue)\(space)\(inputs.joined(separator: ", "))\(constants)\(types)"
    }

    /// The attributes as the text form has them between braces, `name = value, …`, in the order of the signature and
    /// then by name; nil if there are none.
    public var attributeText: String? {
        let known = (opcode.traits.signature?.attributes ?? []).map(\.name)
        let others = attributes.keys.filter { !known.contains($0) }.sorted()
        let texts = (known + others).compactMap { name in attributes[name].map { "\(name) = \($0.text)" } }
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
    }

    fileprivate func print(indent: String, into lines: inout [String]) {
        lines.append(indent + firstLine)
        guard let body else { return }
        let inner = indent + "  "
        for operation in body.operations { operation.print(indent: inner, into: &lines) }
        lines.append(inner + (body.yields.isEmpty ? "yield" : "yield " + list(body.yields)))
        lines.append(indent + "}")
    }
}

extension Function: CustomStringConvertible {
    /// The text form: `func @name(%parameter: type, …) -> type {`, the operations with one line each, and the returned
    /// values.
    public var description: String {
        let inputs = parameters.map { "%\($0.name): \($0.type)" }.joined(separator: ", ")
        let types = returns.map(\.type.description)
        let output = types.count == 1 ? types[0] : "(\(types.joined(separator: ", ")))"
        var lines = ["func @\(name)(\(inputs)) -> \(output) {"]
        for operation in operations { operation.print(indent: "  ", into: &lines) }
        let values = results.map { "%\($0.value.name)" + ($0.name == $0.value.name ? "" : " as \($0.name)") }
        lines.append(values.isEmpty ? "  return" : "  return " + values.joined(separator: ", "))
        lines.append("}")
        return lines.joined(separator: "\n")
    }
}

extension Module: CustomStringConvertible {
    /// The canonical text: weights, caches, then functions, with empty lines between them.
    public var description: String {
        let declarations = weights.map(\.description) + caches.map(\.description)
        let parts = [declarations.joined(separator: "\n")] + functions.map(\.description)
        return parts.filter { !$0.isEmpty }.map { $0 + "\n" }.joined(separator: "\n")
    }
}

private func list(_ values: [Value]) -> String { values.map { "%" + $0.name }.joined(separator: ", ") }
