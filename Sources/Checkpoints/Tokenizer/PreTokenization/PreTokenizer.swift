/// The rule that cuts text into the pieces within which the model merges. It is a list of steps, each of which cuts the
/// pieces of the previous one.
struct PreTokenizer: Sendable {
    private enum Step: Sendable {
        case split(RegexPattern, SplitBehavior, invert: Bool)
        /// Writes spaces as the character of Metaspace and puts it in front. The cutting is a step of its own.
        case metaspace(Metaspace)
        case byteLevel(addPrefixSpace: Bool, RegexPattern?)
    }

    /// The pieces of `text`, which is valid UTF-8, in order.
    struct Pieces {
        var text: [UInt8]
        var ranges: [Range<Int>]
        /// Whether the beginning of `text` is that of the whole text.
        var beginsAtStart: Bool
    }

    private let steps: [Step]

    /// The pattern of ByteLevel if `use_regex` is set: GPT-2's contractions, words, numbers, other runs, white space.
    private static let byteLevelPattern =
        #"'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    /// Reads the `pre_tokenizer` of a tokenizer file.
    init(_ field: TokenizerField?) throws {
        steps = try field?.components("pretokenizers").flatMap(Self.steps) ?? []
    }

    private static func steps(_ field: TokenizerField) throws -> [Step] {
        let type = try field.required("type").string()
        switch type {
        case "ByteLevel":
            // `trim_offsets` concerns positions in the text, which are not kept.
            try field.refuseKeys(besides: "type", "add_prefix_space", "trim_offsets", "use_regex")
            let pattern = try field.bool("use_regex", default: true) ? RegexPattern(byteLevelPattern) : nil
            return [.byteLevel(addPrefixSpace: try field.required("add_prefix_space").bool(), pattern)]
        case "Metaspace":
            let metaspace = try Metaspace(field)
            let replacement = try RegexPattern(literal: String(decoding: metaspace.replacement, as: UTF8.self))
            return [.metaspace(metaspace)]
                + (metaspace.splits ? [.split(replacement, .mergedWithNext, invert: false)] : [])
        case "Split":
            try field.refuseKeys(besides: "type", "pattern", "behavior", "invert")
            let behavior = try field.required("behavior").choice(of: SplitBehavior.self)
            let pattern = try field.required("pattern").pattern()
            return [.split(pattern, behavior, invert: try field.bool("invert", default: false))]
        case "CharDelimiterSplit":
            try field.refuseKeys(besides: "type", "delimiter")
            let delimiter = String(decoding: try field.required("delimiter").character(), as: UTF8.self)
            return [.split(try RegexPattern(literal: delimiter), .removed, invert: false)]
        default:
            return try rules(field, type: type).map { rule in
                .split(try RegexPattern(native: rule.pattern), rule.behavior, invert: rule.invert)
            }
        }
    }

    private static func rules(_ field: TokenizerField, type: String) throws -> [SplitRules.Rule] {
        switch type {
        case "Whitespace":
            try field.refuseKeys(besides: "type")
            return [SplitRules.words]
        case "WhitespaceSplit":
            try field.refuseKeys(besides: "type")
            return [SplitRules.whiteSpace]
        case "BertPreTokenizer":
            try field.refuseKeys(besides: "type")
            return [SplitRules.whiteSpace, SplitRules.punctuation(.isolated)]
        case "UnicodeScripts":
            try field.refuseKeys(besides: "type")
            return [SplitRules.scripts]
        case "Punctuation":
            try field.refuseKeys(besides: "type", "behavior")
            return [SplitRules.punctuation(try field.member("behavior")?.choice(of: SplitBehavior.self) ?? .isolated)]
        case "Digits":
            try field.refuseKeys(besides: "type", "individual_digits")
            return [SplitRules.digits(try field.bool("individual_digits", default: false) ? .isolated : .contiguous)]
        case "FixedLength":
            try field.refuseKeys(besides: "type", "length")
            let length = try field.member("length")?.count() ?? 5
            guard length > 0 else { throw field.error("the length has to be at least 1.") }
            return [SplitRules.fixedLength(length)]
        default:
            throw field.error("the pre-tokenizer \(type) is not supported.")
        }
    }

    /// The matchers of this pre-tokenizer's patterns, for one thread; nil for a step without a pattern.
    func makeMatchers() throws(RegexPattern.Failure) -> [RegexMatcher?] {
        var matchers: [RegexMatcher?] = []
        for step in steps {
            switch step {
            case .split(let pattern, _, _), .byteLevel(_, let pattern?): matchers.append(try RegexMatcher(pattern))
            case .metaspace, .byteLevel(_, nil): matchers.append(nil)
            }
        }
        return matchers
    }

    /// Cuts `text` into pieces. `matchers` come from `makeMatchers`.
    func pieces(of text: NormalizedText, matchers: [RegexMatcher?]) throws(RegexPattern.Failure) -> Pieces {
        let bytes = text.bytes
        var pieces = Pieces(
            text: bytes, ranges: bytes.isEmpty ? [] : [0..<bytes.count], beginsAtStart: text.beginsAtStart)
        for (step, matcher) in zip(steps, matchers) {
            switch step {
            case .split(_, let behavior, let invert):
                if let matcher { try pieces.split(by: matcher, behavior, invert: invert) }
            case .metaspace(let metaspace):
                pieces.write(metaspace)
            case .byteLevel(let addPrefixSpace, _):
                if addPrefixSpace { pieces.addPrefixSpaces() }
                if let matcher { try pieces.split(by: matcher, .isolated, invert: false) }
                pieces.writeInByteLevelAlphabet()
            }
        }
        return pieces
    }
}

extension PreTokenizer.Pieces {
    fileprivate mutating func split(
        by matcher: RegexMatcher, _ behavior: SplitBehavior, invert: Bool
    ) throws(RegexPattern.Failure) {
        try cut(behavior) { (piece, stretches) throws(RegexPattern.Failure) in
            var end = 0
            try matcher.forEachMatch(in: piece) { match in
                if match.lowerBound > end { stretches.append(.init(range: end..<match.lowerBound, isMatch: invert)) }
                stretches.append(.init(range: match, isMatch: !invert))
                end = match.upperBound
            }
            if end < piece.count { stretches.append(.init(range: end..<piece.count, isMatch: invert)) }
        }
    }

    /// Replaces each piece by the pieces that `behavior` makes of its stretches, which `find` appends to an empty
    /// array.
    private mutating func cut<Failure: Error>(
        _ behavior: SplitBehavior,
        find: (UnsafeBufferPointer<UInt8>, inout [SplitBehavior.Stretch]) throws(Failure) -> Void
    ) throws(Failure) {
        var result: [Range<Int>] = []
        result.reserveCapacity(ranges.count)
        var stretches: [SplitBehavior.Stretch] = []
        try text.withUnsafeBufferPointer { (text) throws(Failure) in
            for range in ranges {
                stretches.removeAll(keepingCapacity: true)
                try find(UnsafeBufferPointer(rebasing: text[range]), &stretches)
                for piece in behavior.pieces(of: stretches) {
                    result.append(range.lowerBound + piece.lowerBound..<range.lowerBound + piece.upperBound)
                }
            }
        }
        ranges = result
    }

    fileprivate mutating func addPrefixSpaces() {
        let space = UInt8(ascii: " ")
        rewrite { piece, _, output in
            if piece.first != space { output.append(space) }
            output.append(contentsOf: piece)
        }
    }

    fileprivate mutating func write(_ metaspace: Metaspace) {
        let space = UInt8(ascii: " ")
        rewrite { piece, isAtStart, output in
            let prepends =
                switch metaspace.scheme {
                case .always: true
                case .first: isAtStart
                case .never: false
                }
            if prepends, piece.first != space, !piece.starts(with: metaspace.replacement) {
                output += metaspace.replacement
            }
            for byte in piece { if byte == space { output += metaspace.replacement } else { output.append(byte) } }
        }
    }

    fileprivate mutating func writeInByteLevelAlphabet() {
        rewrite { piece, _, output in ByteLevelAlphabet.append(piece, to: &output) }
    }

    /// Replaces the text of each piece by the text that `append` writes for it, given whether the piece is at the start
    /// of the whole text.
    private mutating func rewrite(_ append: (ArraySlice<UInt8>, Bool, inout [UInt8]) -> Void) {
        if let first = ranges.first, first.lowerBound > 0 { beginsAtStart = false }
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 2)
        for index in ranges.indices {
            let start = output.count
            append(text[ranges[index]], beginsAtStart && index == 0, &output)
            ranges[index] = start..<output.count
        }
        text = output
    }
}
