/// Why a tokenizer could not be read, or could not encode or decode what it was given.
public struct TokenizerError: Error, CustomStringConvertible, Sendable {
    /// A full sentence: what was wrong, where, and what to do if anything can be done.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
