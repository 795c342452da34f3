import Foundation

/// Text to tokens and back, as a `tokenizer.json` of the Hugging Face `tokenizers` format describes it.
///
/// Understood are byte-pair encoding models; the normalizers NFC and NFKC; the pre-tokenizers ByteLevel, Split and
/// Digits; the post-processors ByteLevel and TemplateProcessing; the decoder ByteLevel; sequences of each of these;
/// and added tokens. Anything else is refused by name. `truncation` and `padding` are not applied: they say how
/// texts were batched in training, and a prompt is neither cut nor filled up.
public struct Tokenizer: Sendable {
    private let file: String
    private let normalizer: TextNormalizer
    private let preTokenizer: PreTokenizer
    private let model: BPEModel
    private let postProcessor: PostProcessor
    let decoder: TokenDecoder
    private let unnormalizedTokens: AddedTokenFinder
    private let normalizedTokens: AddedTokenFinder
    private let names: TokenNames

    /// Reads a tokenizer.
    /// - Parameters:
    ///   - json: The contents of a `tokenizer.json`.
    ///   - file: What to call it in errors.
    /// - Throws: `TokenizerError` when it is damaged or asks for what is not supported.
    public init(json: some Sequence<UInt8>, file: String = "tokenizer.json") throws {
        let root: TokenizerField
        do throws(OrderedJSON.SyntaxError) {
            root = TokenizerField(value: try OrderedJSON.parse(Array(json)), path: "", file: file)
        } catch {
            throw TokenizerError("\(file): this is not valid JSON: \(error.message), at byte \(error.offset).")
        }
        self.file = file
        try root.refuseKeys(
            besides: "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
            "post_processor", "decoder", "model")
        if let version = try root.member("version"), try version.string() != "1.0" {
            throw version.error("the version \(try version.string()) is not supported; 1.0 is.")
        }
        normalizer = try TextNormalizer(root.member("normalizer"))
        preTokenizer = try PreTokenizer(root.member("pre_tokenizer"))
        decoder = try TokenDecoder(root.member("decoder"))
        model = try BPEModel(root.required("model"))

        let added = try root.member("added_tokens")?.elements().map { ($0, try AddedToken($0)) } ?? []
        let names = try TokenNames(model: model, added: added, file: file)
        self.names = names
        postProcessor = try PostProcessor(root.member("post_processor")) { names.token($0) != nil }

        // Of two that are spelled alike once normalized, a special one is found first.
        let tokens = added.map(\.1)
        let ordered = tokens.filter(\.isSpecial) + tokens.filter { !$0.isSpecial }
        unnormalizedTokens = AddedTokenFinder(ordered.filter { !$0.isNormalized }) { Array($0.content.utf8) }
        normalizedTokens = AddedTokenFinder(ordered.filter(\.isNormalized)) { [normalizer] token in
            normalizer.normalize(Array(token.content.utf8)[...])
        }
    }

    /// Reads a tokenizer from a file.
    /// - Throws: `TokenizerError` when it cannot be read, is damaged or asks for what is not supported.
    public init(contentsOf url: URL) throws {
        let data: Data
        do {
            data = try Data(contentsOf: url, options: .mappedIfSafe)
        } catch {
            throw TokenizerError("\(url.path) cannot be read: \(error.localizedDescription)")
        }
        try self.init(json: data, file: url.path)
    }

    /// The tokens of a text. Added tokens that are written in the text are recognized, special ones too.
    /// - Parameter addSpecialTokens: Whether to put around it what the tokenizer's template asks for.
    /// - Throws: `TokenizerError` when the text is longer than 2 GiB, or when a pattern of the tokenizer takes
    ///   unreasonably long on it.
    public func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int32] {
        let bytes = Array(text.utf8)
        guard bytes.count <= Int(Int32.max) else {
            throw TokenizerError("A text of \(bytes.count) bytes cannot be encoded; the most is 2 GiB.")
        }
        var tokens: [Int32] = []
        do throws(RegexPattern.Failure) {
            let matchers = try preTokenizer.makeMatchers()
            var merging = BPEMerging(model: model)
            for segment in bytes.withUnsafeBufferPointer(unnormalizedTokens.segments) {
                switch segment {
                case .token(let id):
                    tokens.append(id)
                case .text(let range):
                    let normalized = normalizer.normalize(bytes[range])
                    for segment in normalized.withUnsafeBufferPointer(normalizedTokens.segments) {
                        switch segment {
                        case .token(let id):
                            tokens.append(id)
                        case .text(let range):
                            let pieces = try preTokenizer.pieces(of: Array(normalized[range]), matchers: matchers)
                            pieces.text.withUnsafeBufferPointer { text in
                                for piece in pieces.ranges {
                                    merging.append(UnsafeBufferPointer(rebasing: text[piece]), to: &tokens)
                                }
                            }
                        }
                    }
                }
            }
        } catch {
            throw TokenizerError("\(file): a pattern of the pre-tokenizer failed on this text: \(error.message).")
        }
        return addSpecialTokens ? postProcessor.addSpecialTokens(to: tokens) : tokens
    }

    /// The text of tokens. Bytes that are no UTF-8 become U+FFFD.
    /// - Throws: `TokenizerError` when there is no token with one of the ids.
    public func decode(_ tokens: some Sequence<Int32>, skipSpecialTokens: Bool) throws -> String {
        var bytes: [UInt8] = []
        var isFirst = true
        for token in tokens {
            guard let content = self.token(token) else {
                throw TokenizerError(
                    "\(file): there is no token with the id \(token); ids go from 0 to \(vocabularySize - 1).")
            }
            if skipSpecialTokens, isSpecial(token) { continue }
            bytes += decoder.bytes(of: content, isFirst: isFirst)
            isFirst = false
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A decoder that is given one token at a time.
    public func makeStreamDecoder(skipSpecialTokens: Bool) -> TokenStreamDecoder {
        TokenStreamDecoder(tokenizer: self, skipsSpecialTokens: skipSpecialTokens)
    }

    /// One more than the largest token id. Not every id below it need have a token.
    public var vocabularySize: Int { names.count }

    /// How a token is written in the tokenizer's file, or nil when there is none with this id.
    public func token(_ id: Int32) -> String? { names.token(id) }

    /// The id of a token as it is written in the tokenizer's file, compared byte by byte, or nil when there is none.
    public func id(of token: String) -> Int32? { names.id(of: token) }

    /// Whether an id is a special token's.
    public func isSpecial(_ id: Int32) -> Bool { names.isSpecial(id) }
}
