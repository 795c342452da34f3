/// The rule that cuts text into the pieces within which the model merges. It is a list of steps, each of which cuts the
/// pieces of the previous one.
struct PreTokenizer: Sendable {
    private enum Step: Sendable {
        case split(RegexPattern, SplitBehavior, invert: Bool)
        case digits(SplitBehavior)
        case byteLevel(addPrefixSpace: Bool, RegexPattern?)
    }

    /// The pieces of `text`, which is valid UTF-8, in order.
    struct Pieces {
        var text: [UInt8]
        var ranges: [Range<Int>]
    }

    private let steps: [Step]

    /// The pattern of ByteLevel if `use_regex` is set: GPT-2's contractions, words, numbers, other runs, white space.
    private static let byteLevelPattern =
        #"'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    /// Reads the `pre_tokenizer` of a tokenizer file.
    init(_ field: TokenizerField?) throws {
        steps = try field.map(Self.steps) ?? []
    }

    private static func steps(_ field: TokenizerField) throws -> [Step] {
        let type = try field.required("type").string()
        switch type {
        case "Sequence":
            try field.refuseKeys(besides: "type", "pretokenizers")
            return try field.required("pretokenizers").elements().flatMap(steps)
        case "ByteLevel":
            // `trim_offsets` concerns positions in the text, which are not kept.
            try field.refuseKeys(besides: "type", "add_prefix_space", "trim_offsets", "use_regex")
            let pattern = try field.bool("use_regex", default: true) ? RegexPattern(byteLevelPattern) : nil
            return [.byteLevel(addPrefixSpace: try field.required("add_prefix_space").bool(), pattern)]
        case "Split":
            try field.refuseKeys(besides: "type", "pattern", "behavior", "invert")
            let behaviorField = try field.required("behavior")
            let name = try behaviorField.string()
            guard let behavior = SplitBehavior(rawValue: name) else {
                let known = SplitBehavior.allCases.map(\.rawValue).joined(separator: ", ")
                throw behaviorField.error("\(name) is not one of \(known).")
            }
            let pattern = try pattern(field.required("pattern"))
            return [.split(pattern, behavior, invert: try field.bool("invert", default: false))]
        case "Digits":
            try field.refuseKeys(besides: "type", "individual_digits")
            return [.digits(try field.bool("individual_digits", default: false) ? .isolated : .contiguous)]
        default:
            throw field.error("the pre-tokenizer \(type) is not supported; ByteLevel, Split, Digits and Sequence are.")
        }
    }

    private static func pattern(_ field: TokenizerField) throws -> RegexPattern {
        try field.refuseKeys(besides: "Regex", "String")
        do throws(RegexPattern.Failure) {
            switch (try? field.member("Regex")?.string(), try? field.member("String")?.string()) {
            case (let regex?, nil): return try RegexPattern(regex)
            case (nil, let text?): return try RegexPattern(literal: text)
            default: break
            }
        } catch {
            throw field.error("the pattern cannot be used: \(error.message).")
        }
        throw field.error("this has to hold one string, under the key Regex or String.")
    }

    /// The matchers of this pre-tokenizer's patterns, for one thread; nil for a step without a pattern.
    func makeMatchers() throws(RegexPattern.Failure) -> [RegexMatcher?] {
        var matchers: [RegexMatcher?] = []
        for step in steps {
            switch step {
            case .split(let pattern, _, _), .byteLevel(_, let pattern?): matchers.append(try RegexMatcher(pattern))
            case .digits, .byteLevel(_, nil): matchers.append(nil)
            }
        }
        return matchers
    }

    /// Cuts `text`, valid UTF-8, into pieces. `matchers` come from `makeMatchers`.
    func pieces(of text: [UInt8], matchers: [RegexMatcher?]) throws(RegexPattern.Failure) -> Pieces {
        var pieces = Pieces(text: text, ranges: text.isEmpty ? [] : [0..<text.count])
        for (step, matcher) in zip(steps, matchers) {
            switch step {
            case .split(_, let behavior, let invert):
                if let matcher { try pieces.split(by: matcher, behavior, invert: invert) }
            case .digits(let behavior):
                pieces.splitDigits(behavior)
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

    /// Cuts by the characters that Unicode counts as numbers (general category N).
    fileprivate mutating func splitDigits(_ behavior: SplitBehavior) {
        cut(behavior) { piece, stretches in
            var position = 0
            while position < piece.count {
                let (scalar, end) = UTF8Scalars.scalar(at: position, in: piece)
                let isNumber =
                    switch scalar.properties.generalCategory {
                    case .decimalNumber, .letterNumber, .otherNumber: true
                    default: false
                    }
                if !isNumber, let last = stretches.indices.last, !stretches[last].isMatch {
                    stretches[last].range = stretches[last].range.lowerBound..<end
                } else {
                    stretches.append(.init(range: position..<end, isMatch: isNumber))
                }
                position = end
            }
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
        rewrite { piece, output in
            if piece.first != space { output.append(space) }
            output.append(contentsOf: piece)
        }
    }

    fileprivate mutating func writeInByteLevelAlphabet() {
        rewrite { piece, output in ByteLevelAlphabet.append(piece, to: &output) }
    }

    /// Replaces the text of each piece by the text that `append` writes for it.
    private mutating func rewrite(_ append: (ArraySlice<UInt8>, inout [UInt8]) -> Void) {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 2)
        for index in ranges.indices {
            let start = output.count
            append(text[ranges[index]], &output)
            ranges[index] = start..<output.count
        }
        text = output
    }
}
