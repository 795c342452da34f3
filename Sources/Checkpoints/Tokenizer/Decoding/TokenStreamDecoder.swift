/// A decoder of tokens one at a time. The texts it returns join to the result of `Tokenizer.decode` for all tokens at
/// once. Text that a later token can change is held back: an incomplete character, a run of byte tokens.
///
/// It decodes generated tokens. A model's vocabulary may be padded with ids that the tokenizer lacks. Such an id adds
/// no text, as in the reference library, and does not end a generation.
public struct TokenStreamDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    private var decoding: TokenDecoder.Decoding

    init(tokenizer: Tokenizer, skipsSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.skipsSpecialTokens = skipsSpecialTokens
        decoding = tokenizer.decoder.begin()
    }

    /// The text that `token` completes, which may be empty. Bytes that are not UTF-8 become U+FFFD.
    public mutating func append(_ token: Int32) -> String {
        guard let spelling = tokenizer.decodedSpelling(token) else { return "" }
        if skipsSpecialTokens, tokenizer.isSpecial(token) { return "" }
        return String(decoding: decoding.append(spelling), as: UTF8.self)
    }

    /// The remaining text after the last token, or nothing. The decoder can be used again.
    public mutating func finish() -> String {
        defer { decoding = tokenizer.decoder.begin() }
        return String(decoding: decoding.finish(), as: UTF8.self)
    }
}
