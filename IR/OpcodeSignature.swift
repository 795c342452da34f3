/// The form of an operation in the text: its operands, symbols, attributes and results, by the names that explanations
/// use for them.
public struct OpcodeSignature: Sendable {
    public var operands: [String]
    /// What the names after the operands have to name, in order.
    public var symbols: [(name: String, kind: SymbolKind)]
    /// In the order in which the text form prints them.
    public var attributes: [(name: String, kind: AttributeKind)]
    public var results: [String]

    /// `%y = rope %x, %position {heads, base}`, with the opcode's own word in the place of `rope`.
    func form(of word: String) -> String {
        let inputs = operands.map { "%\($0)" } + symbols.map { "@\($0.name)" }
        let left = results.isEmpty ? "" : results.map { "%\($0)" }.joined(separator: ", ") + " = "
        let right = attributes.isEmpty ? "" : " {\(attributes.map(\.name).joined(separator: ", "))}"
        return left + word + " " + inputs.joined(separator: ", ") + right
    }
}

/// The kind of thing that a symbol operand names.
public enum SymbolKind: Hashable, Sendable {
    case weight, cache
}

/// The kind of constant that an attribute is.
public enum AttributeKind: Hashable, Sendable {
    case integer, float, recurrence
}
