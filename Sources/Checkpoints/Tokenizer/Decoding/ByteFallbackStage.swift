/// Makes text of runs of tokens such as `<0xE2>`. If a run is not UTF-8, each of its bytes becomes U+FFFD, so a run is
/// held back to its end.
struct ByteFallbackStage: PieceStage {
    var held: [UInt8] = []
    private var run: [UInt8] = []

    mutating func receive(piece: [UInt8], to output: inout [DecodedFragment]) {
        if let byte = Self.byte(piece) {
            run.append(byte)
        } else {
            finish(to: &output)
            output.append(piece: piece)
        }
    }

    mutating func finish(to output: inout [DecodedFragment]) {
        guard !run.isEmpty else { return }
        if String(validating: run, as: UTF8.self) != nil {
            output.append(piece: run)
        } else {
            for _ in run { output.append(piece: Array("\u{FFFD}".utf8)) }
        }
        run = []
    }

    private static func byte(_ piece: [UInt8]) -> UInt8? {
        guard piece.count == 6, piece.starts(with: "<0x".utf8), piece[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: piece[3..<5], as: UTF8.self), radix: 16)
    }
}
