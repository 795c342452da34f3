/// Puts a space between two tokens. This is the meaning of a file without a decoder.
struct SpaceStage: DecodingStage {
    private var isFirst = true

    mutating func receive(_ fragment: DecodedFragment, to output: inout [DecodedFragment]) {
        if !isFirst { output.append(part: [UInt8(ascii: " ")]) }
        isFirst = false
        output.append(fragment)
    }
}
