/// Makes one piece of all.
struct FuseStage: DecodingStage {
    mutating func receive(_ fragment: DecodedFragment, to output: inout [DecodedFragment]) {
        output.append(part: fragment.text)
    }

    mutating func finish(to output: inout [DecodedFragment]) { output.append(piece: []) }
}
