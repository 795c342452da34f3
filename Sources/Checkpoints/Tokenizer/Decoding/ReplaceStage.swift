/// Replaces the matches of a pattern in each piece.
struct ReplaceStage: PieceStage {
    let pattern: RegexPattern
    let content: [UInt8]
    var held: [UInt8] = []

    mutating func receive(piece: [UInt8], to output: inout [DecodedFragment]) {
        var text = NormalizedText(bytes: piece, beginsAtStart: true)
        // A piece on which the pattern gives up stays as it is.
        try? text.replace(pattern, by: content)
        output.append(piece: text.bytes)
    }
}
