import Compiler
import IR
import Testing

/// Parses and verifies a module in the text form.
func module(_ text: String) throws -> Module {
    let module = try Module(parsing: text)
    try verify(module)
    return module
}

/// Expects that `pass` makes the one text of the other, and that the result verifies.
func expect(
    _ pass: some Pass, of before: String, toGive after: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let result = try pass.run(module(before))
    try verify(result)
    // Texts and not modules, so that a failure shows what differs.
    #expect(try result.description == module(after).description, sourceLocation: sourceLocation)
}

/// Expects that `pass` finds nothing to do.
func expect(
    _ pass: some Pass, toKeep text: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    try expect(pass, of: text, toGive: text, sourceLocation: sourceLocation)
}

/// A change to a text that makes it a near-miss of what a pass looks for.
struct Variation: CustomTestStringConvertible, Sendable {
    let name: String
    let replacements: [(String, String)]

    init(_ name: String, _ replacements: (String, String)...) {
        self.name = name
        self.replacements = replacements
    }

    var testDescription: String { name }

    /// - Throws: when the text lacks what is to be replaced, in which case the variation would test nothing.
    func applied(to text: String) throws -> String {
        try replacements.reduce(text) { text, replacement in
            try #require(text.contains(replacement.0), "nothing to replace")
            return text.replacing(replacement.0, with: replacement.1)
        }
    }
}
