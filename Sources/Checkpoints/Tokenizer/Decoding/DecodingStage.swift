/// A part of decoded text. Tokens are pieces at first; a stage may make one piece of all.
struct DecodedFragment {
    /// Complete characters of UTF-8, perhaps none.
    var text: [UInt8]
    /// Whether the piece ends here.
    var endsPiece: Bool
}

/// One stage of a decoder. It takes fragments of pieces as they come, and gives out what later ones cannot change.
protocol DecodingStage: Sendable {
    mutating func receive(_ fragment: DecodedFragment, to output: inout [DecodedFragment])

    /// Gives out what was held back, after the last fragment.
    mutating func finish(to output: inout [DecodedFragment])
}

extension DecodingStage {
    mutating func finish(to output: inout [DecodedFragment]) {}
}

/// A stage that looks at whole pieces.
protocol PieceStage: DecodingStage {
    /// The beginning of a piece that has not ended.
    var held: [UInt8] { get set }

    mutating func receive(piece: [UInt8], to output: inout [DecodedFragment])
}

extension PieceStage {
    mutating func receive(_ fragment: DecodedFragment, to output: inout [DecodedFragment]) {
        held += fragment.text
        guard fragment.endsPiece else { return }
        let piece = held
        held = []
        receive(piece: piece, to: &output)
    }
}

extension [DecodedFragment] {
    mutating func append(piece: [UInt8]) { append(DecodedFragment(text: piece, endsPiece: true)) }

    mutating func append(part: [UInt8]) { append(DecodedFragment(text: part, endsPiece: false)) }
}
