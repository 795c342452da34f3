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
