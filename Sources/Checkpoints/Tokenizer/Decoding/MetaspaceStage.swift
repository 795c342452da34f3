/// Makes spaces of Metaspace's character. In the first piece it stands for nothing, unless the scheme is `never`.
struct MetaspaceStage: DecodingStage {
    let metaspace: Metaspace
    private var isFirst = true

    init(_ metaspace: Metaspace) {
        self.metaspace = metaspace
    }

    mutating func receive(_ fragment: DecodedFragment, to output: inout [DecodedFragment]) {
        let drops = isFirst && metaspace.scheme != .never
        let text = fragment.text.replacing(metaspace.replacement, with: drops ? [] : [UInt8(ascii: " ")])
        if fragment.endsPiece { isFirst = false }
        output.append(DecodedFragment(text: text, endsPiece: fragment.endsPiece))
    }
}
