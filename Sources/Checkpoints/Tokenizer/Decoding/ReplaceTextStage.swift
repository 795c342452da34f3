/// Replaces a text in each piece. What could be its beginning is held back.
struct ReplaceTextStage: DecodingStage {
    /// The text to replace, which is not empty.
    let target: [UInt8]
    let content: [UInt8]
    private var held: [UInt8] = []

    init(target: [UInt8], content: [UInt8]) {
        self.target = target
        self.content = content
    }

    mutating func receive(_ fragment: DecodedFragment, to output: inout [DecodedFragment]) {
        let text = held + fragment.text
        var replaced: [UInt8] = []
        var position = 0
        while position < text.count {
            let rest = text[position...]
            if rest.starts(with: target) {
                replaced += content
                position += target.count
            } else if !fragment.endsPiece, target.starts(with: rest) {
                break
            } else {
                let end = min(position + UTF8Scalars.length(lead: text[position]), text.count)
                replaced += text[position..<end]
                position = end
            }
        }
        held = Array(text[position...])
        output.append(DecodedFragment(text: replaced, endsPiece: fragment.endsPiece))
    }
}
