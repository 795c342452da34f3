/// The rule that writes tokens as text: stages, each of which takes the pieces of the one before it.
struct TokenDecoder: Sendable {
    private let stages: [any DecodingStage]

    /// Reads the `decoder` of a tokenizer file.
    init(_ field: TokenizerField?) throws {
        stages = try field?.components("decoders").flatMap(Self.stages) ?? [SpaceStage()]
    }

    private static func stages(_ field: TokenizerField) throws -> [any DecodingStage] {
        let type = try field.required("type").string()
        switch type {
        case "ByteLevel":
            // Its settings are those of the pre-tokenizer of the same name and mean nothing here.
            try field.refuseKeys(besides: "type", "add_prefix_space", "trim_offsets", "use_regex")
            return [ByteLevelStage()]
        case "ByteFallback":
            try field.refuseKeys(besides: "type")
            return [ByteFallbackStage()]
        case "Fuse":
            try field.refuseKeys(besides: "type")
            return [FuseStage()]
        case "Metaspace":
            return [MetaspaceStage(try Metaspace(field))]
        case "Strip":
            try field.refuseKeys(besides: "type", "content", "start", "stop")
            return [
                StripStage(
                    character: try field.required("content").character(), start: try field.required("start").count(),
                    stop: try field.required("stop").count())
            ]
        case "Replace":
            return [try replacement(field)]
        case "WordPiece":
            try field.refuseKeys(besides: "type", "prefix", "cleanup")
            return [
                WordPieceStage(
                    prefix: try field.required("prefix").bytes(), cleansUp: try field.required("cleanup").bool())
            ]
        case "BPEDecoder":
            try field.refuseKeys(besides: "type", "suffix")
            let suffix = try field.required("suffix").bytes()
            guard !suffix.isEmpty else { throw field.error("the suffix is empty.") }
            return [WordSuffixStage(suffix: suffix)]
        case "CTC":
            try field.refuseKeys(besides: "type", "pad_token", "word_delimiter_token", "cleanup")
            return [
                CTCStage(
                    padding: try field.required("pad_token").bytes(),
                    wordDelimiter: try field.required("word_delimiter_token").bytes(),
                    cleansUp: try field.required("cleanup").bool())
            ]
        default:
            throw field.error("the decoder \(type) is not supported.")
        }
    }

    private static func replacement(_ field: TokenizerField) throws -> any DecodingStage {
        try field.refuseKeys(besides: "type", "pattern", "content")
        let content = try field.required("content").bytes()
        let patternField = try field.required("pattern")
        let pattern = try patternField.pattern()
        if let target = try patternField.member("String")?.bytes(), !target.isEmpty {
            return ReplaceTextStage(target: target, content: content)
        }
        return ReplaceStage(pattern: pattern, content: content)
    }

    /// A new decoding.
    func begin() -> Decoding { Decoding(stages: stages) }

    /// The decoding of one sequence of tokens.
    struct Decoding: Sendable {
        fileprivate var stages: [any DecodingStage]

        /// The text that a token completes, which may be empty.
        mutating func append(_ token: String) -> [UInt8] {
            var text: [UInt8] = []
            pass(DecodedFragment(text: Array(token.utf8), endsPiece: true), from: 0, to: &text)
            return text
        }

        /// The remaining text after the last token.
        mutating func finish() -> [UInt8] {
            var text: [UInt8] = []
            for index in stages.indices {
                var output: [DecodedFragment] = []
                stages[index].finish(to: &output)
                for fragment in output { pass(fragment, from: index + 1, to: &text) }
            }
            return text
        }

        private mutating func pass(_ fragment: DecodedFragment, from index: Int, to text: inout [UInt8]) {
            guard index < stages.count else {
                text += fragment.text
                return
            }
            var output: [DecodedFragment] = []
            stages[index].receive(fragment, to: &output)
            for fragment in output { pass(fragment, from: index + 1, to: &text) }
        }
    }
}
