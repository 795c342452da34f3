import Checkpoints

/// The search for texts that end a generation, token by token. A text may begin in the prompt, and it may end within a
/// token; special tokens have their names as text.
struct StopStrings {
    private let texts: [[UInt8]]
    private var decoder: TokenStreamDecoder
    /// The end of the text so far, as long as a stop string may still begin in it.
    private var tail: [UInt8] = []
    private let longest: Int

    /// - Parameter prompt: The tokens before the first that can end the generation.
    /// - Returns: nil if there are no texts to look for.
    /// - Throws: ``CommandError`` if there is no tokenizer that gives tokens a text.
    init?(_ texts: [String], _ tools: TextTools?, prompt: [Int32]) throws {
        self.texts = texts.map { Array($0.utf8) }.filter { !$0.isEmpty }
        guard let longest = self.texts.map(\.count).max() else { return nil }
        guard let tools else {
            throw CommandError(
                "The checkpoint has stop_strings and no tokenizer that finds them; give --ignore-generation-config or "
                    + "--ignore-eos.")
        }
        self.longest = longest
        decoder = tools.tokenizer.makeStreamDecoder(skipSpecialTokens: false)
        for token in prompt { _ = endsText(with: token) }
    }

    /// Adds a token.
    /// - Returns: Whether it completes one of the texts.
    mutating func endsText(with token: Int32) -> Bool {
        let piece = Array(decoder.append(token).utf8)
        let text = tail + piece
        defer { tail = Array(text.suffix(longest - 1)) }
        return texts.contains { stop in
            // A text that ended before this token was found then.
            let first = max(0, tail.count - stop.count + 1)
            guard text.count >= first + stop.count else { return false }
            return (first...text.count - stop.count).contains { text[$0..<$0 + stop.count].elementsEqual(stop) }
        }
    }
}
