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
