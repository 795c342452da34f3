/// Makes text of the bytes that the characters of tokens stand for; it is one piece.
struct ByteLevelStage: PieceStage {
    var held: [UInt8] = []
    /// The beginning of a character that is not complete: at most three bytes.
    private var incomplete: [UInt8] = []

    mutating func receive(piece: [UInt8], to output: inout [DecodedFragment]) {
        incomplete += ByteLevelAlphabet.bytes(of: String(decoding: piece, as: UTF8.self)) ?? piece
        let complete = incomplete.count - UTF8Scalars.incompleteSuffix(of: incomplete)
        // Bytes that are not UTF-8 become U+FFFD.
        output.append(part: Array(String(decoding: incomplete[..<complete], as: UTF8.self).utf8))
        incomplete.removeFirst(complete)
    }

    mutating func finish(to output: inout [DecodedFragment]) {
        output.append(piece: Array(String(decoding: incomplete, as: UTF8.self).utf8))
    }
}
