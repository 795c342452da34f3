/// A finder of added tokens in text. It takes the leftmost token, the longest of those that begin there, and goes on
/// after its end.
struct AddedTokenFinder: Sendable {
    enum Segment {
        case text(Range<Int>)
        case token(Int32)
    }

    private let tokens: [AddedToken]
    /// A trie of the contents. The key of an edge is its node × 256 + byte; the root is node 0.
    private var edges: [Int: Int] = [:]
    /// The index in `tokens` of the token that ends at a node, or -1.
    private var tokenAtNode = [-1]
    /// Whether some token begins with a byte: this alone rules out most positions.
    private var canBegin = [Bool](repeating: false, count: 256)

    /// A finder of `tokens`, each with the spelling that is searched for. If two have the same spelling, the first is
    /// found.
    init(_ tokens: [(token: AddedToken, spelling: [UInt8])]) {
        self.tokens = tokens.map(\.token)
        for (index, (_, content)) in tokens.enumerated() {
            guard let first = content.first else { continue }
            canBegin[Int(first)] = true
            var node = 0
            for byte in content {
                let edge = node << 8 | Int(byte)
                if let next = edges[edge] {
                    node = next
                } else {
                    node = tokenAtNode.count
                    tokenAtNode.append(-1)
                    edges[edge] = node
                }
            }
            if tokenAtNode[node] < 0 { tokenAtNode[node] = index }
        }
    }

    /// The tokens in `text`, which is valid UTF-8, and the text between them, in order.
    func segments(of text: UnsafeBufferPointer<UInt8>) -> [Segment] {
        var segments: [Segment] = []
        var done = 0
        var position = 0
        var strippedUpTo = 0
        while position < text.count {
            guard canBegin[Int(text[position])], let match = longestMatch(at: position, in: text) else {
                position += 1
                continue
            }
            position = match.end
            let token = tokens[match.token]
            if token.isSingleWord, !Self.standsAlone(match.start..<match.end, in: text) { continue }
            var start = match.start
            var end = match.end
            if token.stripsLeft {
                start = max(start, done)
                while start > done {
                    let before = UTF8Scalars.scalar(before: start, in: text)
                    guard before.scalar.properties.isWhitespace else { break }
                    start = before.start
                }
            }
            if token.stripsRight {
                // The end of absorbed white space is remembered, so that long runs take linear time.
                if end < strippedUpTo { end = strippedUpTo }
                while end < text.count {
                    let after = UTF8Scalars.scalar(at: end, in: text)
                    guard after.scalar.properties.isWhitespace else { break }
                    end = after.end
                }
                strippedUpTo = end
            }
            // White space that a token absorbed is not left for this one.
            if start >= end { continue }
            if done < start { segments.append(.text(done..<start)) }
            segments.append(.token(token.id))
            // The search goes on at the end of the content, even if white space after it was absorbed.
            done = end
        }
        if done < text.count { segments.append(.text(done..<text.count)) }
        return segments
    }

    private func longestMatch(
        at start: Int, in text: UnsafeBufferPointer<UInt8>
    ) -> (token: Int, start: Int, end: Int)? {
        var node = 0
        var longest: (token: Int, start: Int, end: Int)?
        for position in start..<text.count {
            guard let next = edges[node << 8 | Int(text[position])] else { break }
            node = next
            if tokenAtNode[node] >= 0 { longest = (tokenAtNode[node], start, position + 1) }
        }
        return longest
    }

    private static func standsAlone(_ range: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        if range.lowerBound > 0, isWordPart(UTF8Scalars.scalar(before: range.lowerBound, in: text).scalar) {
            return false
        }
        return range.upperBound == text.count
            || !isWordPart(UTF8Scalars.scalar(at: range.upperBound, in: text).scalar)
    }

    /// Whether a character is part of a word: UTS #18, annex C, `\w`.
    private static func isWordPart(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}
