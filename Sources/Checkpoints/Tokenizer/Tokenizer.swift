import Foundation

/// A tokenizer that turns text into tokens and back, as a `tokenizer.json` of the Hugging Face `tokenizers` format
/// describes it.
///
///     let tokenizer = try Tokenizer(contentsOf: folder.appending(path: "tokenizer.json"))
///     let tokens = try tokenizer.encode("How many?", addSpecialTokens: true)
///     let text = try tokenizer.decode(tokens, skipSpecialTokens: true)
///
/// It supports byte-pair encoding models with all normalizers, pre-tokenizers, post-processors and decoders of that
/// format, and added tokens. docs/tokenizers.md says what differs. Other models (Unigram, WordPiece, WordLevel) are
/// refused by name. `truncation` and `padding` are not applied: they describe batches of training, and a prompt is
/// neither cut nor padded.
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
    /// The spellings of added tokens that decoding starts from, where they are not the contents.
    private let decodedSpellings: [Int32: String]

    /// Reads a tokenizer.
    /// - Parameters:
    ///   - json: The contents of a `tokenizer.json`.
    ///   - file: its name in errors.
    ///   - declared: The tokens that other documents of the checkpoint declare.
    /// - Throws: `TokenizerError` if it is damaged or asks for an unsupported component.
    public init(
        json: some Sequence<UInt8>, file: String = "tokenizer.json", declaring declared: [DeclaredToken] = []
    ) throws {
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

        let own = try root.member("added_tokens")?.elements().map { ($0, try AddedToken($0)) } ?? []
        let added = try AddedToken.merged(own, declared, vocabulary: model.tokens)
        let names = try TokenNames(model: model, added: added, file: file)
        self.names = names
        postProcessor = try PostProcessor(root.member("post_processor")) { names.token($0) != nil }

        // If two are equal after normalization, a special one is found first.
        let tokens = added.map(\.1)
        let ordered = tokens.filter(\.isSpecial) + tokens.filter { !$0.isSpecial }
        unnormalizedTokens = AddedTokenFinder(ordered.filter { !$0.isNormalized }.map { ($0, Array($0.content.utf8)) })
        do throws(RegexPattern.Failure) {
            var spellings: [(AddedToken, [UInt8])] = []
            for token in ordered where token.isNormalized {
                let content = NormalizedText(bytes: Array(token.content.utf8), beginsAtStart: true)
                spellings.append((token, try normalizer.normalize(content).bytes))
            }
            normalizedTokens = AddedTokenFinder(spellings)
            // Decoding undoes what normalization does, so it starts from normalized text.
            decodedSpellings = Dictionary(
                spellings.map { ($0.id, String(decoding: $1, as: UTF8.self)) }, uniquingKeysWith: { first, _ in first })
        } catch {
            throw TokenizerError("\(file): a pattern of the normalizer failed on an added token: \(error.message).")
        }
    }

    /// Reads a tokenizer from a file.
    /// - Throws: `TokenizerError` if it cannot be read, is damaged or asks for an unsupported component.
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
    /// - Parameter addSpecialTokens: whether to add the special tokens of the tokenizer's template.
    /// - Throws: `TokenizerError` if the text is longer than 2 GiB, if a pattern of the tokenizer takes unreasonably long
    ///   on it, or if it needs an unknown token that is not in the vocabulary.
    public func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int32] {
        let bytes = Array(text.utf8)
        guard bytes.count <= Int(Int32.max) else {
            throw TokenizerError("A text of \(bytes.count) bytes cannot be encoded; the most is 2 GiB.")
        }
        var tokens: [Int32] = []
        var merging = BPEMerging(model: model)
        do throws(RegexPattern.Failure) {
            let matchers = try preTokenizer.makeMatchers()
            for segment in bytes.withUnsafeBufferPointer(unnormalizedTokens.segments) {
                switch segment {
                case .token(let id):
                    tokens.append(id)
                case .text(let range):
                    let text = NormalizedText(bytes: Array(bytes[range]), beginsAtStart: range.lowerBound == 0)
                    try append(normalizer.normalize(text), matchers, &merging, to: &tokens)
                }
            }
        } catch {
            throw TokenizerError("\(file): a pattern of the tokenizer failed on this text: \(error.message).")
        }
        if merging.lacksUnknownToken, let name = model.missingUnknown {
            throw TokenizerError("\(file): the text has characters without a token, and unk_token \(name) is none.")
        }
        return addSpecialTokens ? postProcessor.addSpecialTokens(to: tokens) : tokens
    }

    /// Appends the tokens of normalized text.
    private func append(
        _ text: NormalizedText, _ matchers: [RegexMatcher?], _ merging: inout BPEMerging, to tokens: inout [Int32]
    ) throws(RegexPattern.Failure) {
        for segment in text.bytes.withUnsafeBufferPointer(normalizedTokens.segments) {
            switch segment {
            case .token(let id):
                tokens.append(id)
            case .text(let range):
                let part = NormalizedText(
                    bytes: Array(text.bytes[range]), beginsAtStart: text.beginsAtStart && range.lowerBound == 0)
                let pieces = try preTokenizer.pieces(of: part, matchers: matchers)
                pieces.text.withUnsafeBufferPointer { text in
                    for piece in pieces.ranges {
                        merging.append(UnsafeBufferPointer(rebasing: text[piece]), to: &tokens)
                    }
                }
            }
        }
    }

    /// The text of tokens. Bytes that are not UTF-8 become U+FFFD.
    /// - Throws: `TokenizerError` if there is no token with one of the ids.
    public func decode(_ tokens: some Sequence<Int32>, skipSpecialTokens: Bool) throws -> String {
        var decoding = decoder.begin()
        var bytes: [UInt8] = []
        for token in tokens {
            guard let spelling = decodedSpelling(token) else {
                throw TokenizerError(
                    "\(file): there is no token with the id \(token); ids go from 0 to \(vocabularySize - 1).")
            }
            if skipSpecialTokens, isSpecial(token) { continue }
            bytes += decoding.append(spelling)
        }
        bytes += decoding.finish()
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A new decoder that takes one token at a time.
    public func makeStreamDecoder(skipSpecialTokens: Bool) -> TokenStreamDecoder {
        TokenStreamDecoder(tokenizer: self, skipsSpecialTokens: skipSpecialTokens)
    }

    /// One more than the largest token id. Ids below it may lack a token.
    public var vocabularySize: Int { names.count }

    /// The spelling of a token in the tokenizer's file; nil if there is none with this id.
    public func token(_ id: Int32) -> String? { names.token(id) }

    /// The spelling of a token that decoding starts from; nil if there is none with this id.
    func decodedSpelling(_ id: Int32) -> String? { decodedSpellings[id] ?? names.token(id) }

    /// The id of a token by its spelling in the tokenizer's file, compared byte by byte; nil if there is none.
    public func id(of token: String) -> Int32? { names.id(of: token) }

    /// Whether an id belongs to a special token.
    public func isSpecial(_ id: Int32) -> Bool { names.isSpecial(id) }
}
