/// Joins the parts of words: a piece that lacks the prefix begins a word.
struct WordPieceStage: PieceStage {
    let prefix: [UInt8]
    let cleansUp: Bool
    var held: [UInt8] = []
    private var isFirst = true

    init(prefix: [UInt8], cleansUp: Bool) {
        self.prefix = prefix
        self.cleansUp = cleansUp
    }

    mutating func receive(piece: [UInt8], to output: inout [DecodedFragment]) {
        var text = piece
        if !isFirst {
            text = piece.starts(with: prefix) ? Array(piece.dropFirst(prefix.count)) : [UInt8(ascii: " ")] + piece
        }
        isFirst = false
        output.append(piece: cleansUp ? Self.cleanUp(text) : text)
    }

    /// Removes spaces before punctuation and the English contractions.
    static func cleanUp(_ text: [UInt8]) -> [UInt8] {
        cleanups.reduce(text) { $0.replacing(Array($1.0.utf8), with: Array($1.1.utf8)) }
    }

    private static let cleanups = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
        (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
}

/// Makes spaces of the suffix that ends a word, except at the end of the text.
struct WordSuffixStage: PieceStage {
    /// The suffix, which is not empty.
    let suffix: [UInt8]
    var held: [UInt8] = []
    /// The last piece so far.
    private var last: [UInt8]?

    init(suffix: [UInt8]) {
        self.suffix = suffix
    }

    mutating func receive(piece: [UInt8], to output: inout [DecodedFragment]) {
        if let last { output.append(piece: last.replacing(suffix, with: [UInt8(ascii: " ")])) }
        last = piece
    }

    mutating func finish(to output: inout [DecodedFragment]) {
        if let last { output.append(piece: last.replacing(suffix, with: [])) }
        last = nil
    }
}

/// Joins repeated pieces and removes the padding between them: connectionist temporal classification.
struct CTCStage: PieceStage {
    let padding: [UInt8]
    let wordDelimiter: [UInt8]
    let cleansUp: Bool
    var held: [UInt8] = []
    private var previous: [UInt8]?

    init(padding: [UInt8], wordDelimiter: [UInt8], cleansUp: Bool) {
        self.padding = padding
        self.wordDelimiter = wordDelimiter
        self.cleansUp = cleansUp
    }

    mutating func receive(piece: [UInt8], to output: inout [DecodedFragment]) {
        guard piece != previous else { return }
        previous = piece
        var text = padding.isEmpty ? piece : piece.replacing(padding, with: [])
        if cleansUp {
            text = WordPieceStage.cleanUp(text)
            if !wordDelimiter.isEmpty { text = text.replacing(wordDelimiter, with: [UInt8(ascii: " ")]) }
        }
        if !text.isEmpty { output.append(piece: text) }
    }
}
