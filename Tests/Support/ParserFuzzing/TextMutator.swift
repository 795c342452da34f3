import RandomGraphs

/// A mutator that damages texts like editing mistakes and broken files do.
struct TextMutator {
    /// Texts to damage and to take pieces from; none is empty.
    let corpus: [[UInt8]]
    var random: RandomSource

    /// Pieces that are difficult for parsers: words of the grammar in the wrong place, numbers at and beyond the ends
    /// of their types, control characters, and bytes that are not UTF-8.
    private static let pieces: [[UInt8]] =
        [
            "%", "@", "{", "}", "(", ")", "[", "]", "->", "-", "=", ",", ":", "//", "/", "\n", "\r\n", "\t", "\u{0}",
            "\u{7F}",
            "é", "🎈", "\u{FEFF}", "\u{2028}", "weight ", "cache ", "func ", "repeat 2 (", "repeat recurrences () {",
            "yield",
            "return", "rows", "recurrent", "induction", " : f32[rows,4]", "int4[32,32]", "bf16", "%x", "@x", "nan",
            "inf",
            "1e999",
            "-0.0", "1e-", "0x1p-3", "2147483647", "2147483648", "-1", "9223372036854775807", "9223372036854775808",
            "99999999999999999999999999", "00", "1_000", " as ", "frequencies {base = 1}", "halves 2 of 4", "[:, 0:4]",
        ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80, 0x80]]

    private static let numbers = [
        "0", "1", "-1", "3", "1e-06", "0.5", "50000.0", "2147483647", "2147483648", "-9223372036854775808",
        "9223372036854775807", "9223372036854775808", "1e39", "nan", "-inf", "1e-50",
    ].map { Array($0.utf8) }

    /// One of the texts with one to six changes.
    mutating func next() -> [UInt8] {
        var text = pick(corpus)
        var changes = 1
        while changes < 6, random.oneIn(2) { changes += 1 }
        for _ in 0..<changes where !text.isEmpty { change(&text) }
        return text
    }

    private mutating func change(_ text: inout [UInt8]) {
        switch Int.random(in: 0..<13, using: &random) {
        case 0: text[place(in: text)] = UInt8.random(in: 0...255, using: &random)
        case 1: text.removeSubrange(span(in: text))
        case 2:
            let span = span(in: text)
            text.insert(contentsOf: Array(text[span]), at: span.lowerBound)
        case 3: text.insert(contentsOf: pick(Self.pieces), at: place(in: text))
        case 4:
            // Another digit gives texts that can still be read, with other sizes, names and numbers.
            if let digit = text[place(in: text)...].firstIndex(where: { (0x30...0x39).contains($0) }) {
                text[digit] = UInt8.random(in: 0x30...0x39, using: &random)
            }
        case 5: changeLines(of: &text)
        case 6:
            // The beginning of one text and the end of another.
            let other = pick(corpus)
            text = Array(text[..<place(in: text)] + other[place(in: other)...])
        case 7: changeToken(of: &text) { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "@") }
        case 8: changeToken(of: &text) { !isSpace($0) }
        case 9:
            if let token = token(in: text, where: { (0x30...0x39).contains($0) }) {
                text.replaceSubrange(token, with: pick(Self.numbers))
            }
        case 10: nest(&text)
        case 11: text.removeSubrange(place(in: text)...)
        default:
            // White space may stand anywhere between tokens.
            if let space = text[place(in: text)...].firstIndex(where: isSpace) {
                text.replaceSubrange(
                    space...space, with: pick(["\n", "  ", " // %x = y\n", "\t"].map { Array($0.utf8) }))
            }
        }
    }

    /// Drops, repeats, or exchanges lines.
    private mutating func changeLines(of text: inout [UInt8]) {
        var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let (a, b) = (Int.random(in: lines.indices, using: &random), Int.random(in: lines.indices, using: &random))
        switch Int.random(in: 0..<3, using: &random) {
        case 0: lines.remove(at: a)
        case 1: lines.insert(lines[a], at: b)
        default: lines.swapAt(a, b)
        }
        text = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }

    /// Puts one token of a kind in the place of another.
    private mutating func changeToken(of text: inout [UInt8], startingWith isStart: (UInt8) -> Bool) {
        guard let from = token(in: text, where: isStart), let to = token(in: text, where: isStart) else { return }
        text.replaceSubrange(to, with: Array(text[from]))
    }

    /// Repeats an opening word or bracket many times.
    private mutating func nest(_ text: inout [UInt8]) {
        let opening = pick(["repeat 2 () {\n", "(", "{", "[", "func @f() -> () {", "%a = ", "- ", "%a, ", "@", "f32["])
        let count = 1 << Int.random(in: 1...12, using: &random)
        let line = text[place(in: text)...].firstIndex(of: UInt8(ascii: "\n")) ?? text.endIndex
        text.insert(contentsOf: Array(repeatElement(Array(opening.utf8), count: count).joined()), at: line)
    }

    // MARK: Places

    private mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int.random(in: choices.indices, using: &random)]
    }

    private mutating func place(in text: [UInt8]) -> Int {
        text.isEmpty ? 0 : Int.random(in: text.indices, using: &random)
    }

    private mutating func span(in text: [UInt8]) -> Range<Int> {
        let start = place(in: text)
        return start..<min(text.count, start + Int.random(in: 1...24, using: &random))
    }

    /// The next token from a random place on that begins like this. Tokens lie between separators.
    private mutating func token(in text: [UInt8], where isStart: (UInt8) -> Bool) -> Range<Int>? {
        let from = place(in: text)
        guard
            let start = text.indices[from...].first(where: {
                isStart(text[$0]) && ($0 == 0 || isSeparator(text[$0 - 1]))
            })
        else { return nil }
        let end = text[(start + 1)...].firstIndex(where: isSeparator) ?? text.endIndex
        return start..<end
    }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") }

private func isSeparator(_ byte: UInt8) -> Bool { isSpace(byte) || ",:()[]{}=".utf8.contains(byte) }
