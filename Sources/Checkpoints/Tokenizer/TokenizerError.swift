/// An error for a tokenizer that could not be read, or a text or tokens that it could not encode or decode.
public struct TokenizerError: Error, CustomStringConvertible, Sendable {
    /// A full sentence that says what is wrong, where, and what to do, if anything.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
