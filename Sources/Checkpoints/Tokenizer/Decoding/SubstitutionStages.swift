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
