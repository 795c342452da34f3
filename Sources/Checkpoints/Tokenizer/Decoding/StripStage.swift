/// Removes up to `start` of a character from the start of each piece, and up to `stop` from its end.
struct StripStage: DecodingStage {
    let character: [UInt8]
    let start: Int
    let stop: Int
    /// The number of characters removed from the start of the piece; nil after another character.
    private var removed: Int? = 0
    /// The number of characters that may be at the end of the piece.
    private var held = 0

    init(character: [UInt8], start: Int, stop: Int) {
        self.character = character
        self.start = start
        self.stop = stop
    }

    mutating func receive(_ fragment: DecodedFragment, to output: inout [DecodedFragment]) {
        var text: [UInt8] = []
        var position = 0
        while position < fragment.text.count {
            let rest = fragment.text[position...]
            let isCharacter = rest.starts(with: character)
            let length = isCharacter ? character.count : UTF8Scalars.length(lead: fragment.text[position])
            position += length
            if isCharacter, let count = removed, count < start {
                removed = count + 1
                continue
            }
            removed = nil
            if isCharacter, stop > 0 {
                held += 1
            } else {
                release(held, to: &text)
                text += rest.prefix(length)
            }
        }
        if fragment.endsPiece {
            release(held - min(held, stop), to: &text)
            removed = 0
        }
        output.append(DecodedFragment(text: text, endsPiece: fragment.endsPiece))
    }

    private mutating func release(_ count: Int, to text: inout [UInt8]) {
        for _ in 0..<count { text += character }
        held = 0
    }
}
