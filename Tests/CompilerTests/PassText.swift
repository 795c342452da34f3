import Compiler
import IR
import Testing

/// Parses and verifies a module in the text form.
func module(_ text: String) throws -> Module {
    let module = try Module(parsing: text)
    try verify(module)
    return module
}

/// Expects that `pass` turns one text into the other, and that the result verifies.
func expect(
    _ pass: some Pass, of before: String, toGive after: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let result = try pass.run(module(before))
    try verify(result)
    // Texts are compared instead of modules, so that a failure shows the difference.
    #expect(try result.description == module(after).description, sourceLocation: sourceLocation)
}

/// Expects that `pass` changes nothing.
func expect(
    _ pass: some Pass, toKeep text: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    try expect(pass, of: text, toGive: text, sourceLocation: sourceLocation)
}
