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
