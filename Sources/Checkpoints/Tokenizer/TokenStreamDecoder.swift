/// A decoder that turns tokens into text as they come. A character whose bytes are spread over several tokens is held
/// back until it is complete, so the joined texts equal the result of `Tokenizer.decode` for all tokens at once.
///
/// It decodes generated tokens. A model's vocabulary may be padded with ids that the tokenizer lacks. Such an id adds
/// no text, as in the reference library, and does not end a generation.
public struct TokenStreamDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    private var isFirst = true
    /// The beginning of a character that is not complete: at most three bytes.
    private var held: [UInt8] = []

    init(tokenizer: Tokenizer, skipsSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.skipsSpecialTokens = skipsSpecialTokens
    }

    /// The text that `token` completes, which may be empty. Bytes that are not UTF-8 become U+FFFD.
    public mutating func append(_ token: Int32) -> String {
        guard let content = tokenizer.token(token) else { return "" }
        if skipsSpecialTokens, tokenizer.isSpecial(token) { return "" }
        held += tokenizer.decoder.bytes(of: content, isFirst: isFirst)
        isFirst = false
        let complete = held.count - Self.incompleteSuffix(of: held)
        let text = String(decoding: held[..<complete], as: UTF8.self)
        held.removeFirst(complete)
        return text
    }

    /// The remaining text after the last token: U+FFFD for an incomplete character, or nothing.
    public mutating func finish() -> String {
        defer {
            held = []
            isFirst = true
        }
        return String(decoding: held, as: UTF8.self)
    }

    /// The number of bytes at the end that could be the beginning of a character (Unicode, table 3-7).
    private static func incompleteSuffix(of bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0xC0 == 0x80 { continue }
            guard lead >= 0xC2, lead <= 0xF4, UTF8Scalars.length(lead: lead) > length else { return 0 }
            guard length > 1 else { return 1 }
            let second = bytes[bytes.count - length + 1]
            let allowed: ClosedRange<UInt8> =
                switch lead {
                case 0xE0: 0xA0...0xBF
                case 0xED: 0x80...0x9F
                case 0xF0: 0x90...0xBF
                case 0xF4: 0x80...0x8F
                default: 0x80...0xBF
                }
            return allowed.contains(second) ? length : 0
        }
        return 0
    }
}
