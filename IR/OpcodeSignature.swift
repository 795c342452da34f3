/// The form of an operation in the text: its operands, symbols, attributes and results, by the names that explanations
/// use for them.
public struct OpcodeSignature: Sendable {
    /// The names of the operands, in order.
    public var operands: [String]
    /// The kinds of the symbols after the operands, in order.
    public var symbols: [(name: String, kind: SymbolKind)]
    /// The number of symbols at the end that an operation may leave out.
    public var optionalSymbols = 0
    /// The attributes, in the order in which the text form prints them.
    public var attributes: [(name: String, kind: AttributeKind)]
    /// The names of the results, in order.
    public var results: [String]

    /// The form in the text, such as `%y = rope %x, %position {heads, base}`, with the opcode's name in place of
    /// `rope`.
    func form(of word: String) -> String {
        let required = symbols.count - optionalSymbols
        let inputs =
            operands.map { "%\($0)" }
            + symbols.enumerated().map { $0 < required ? "@\($1.name)" : "[@\($1.name)]" }
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
