/// Text folded into lines, as Python's `textwrap` folds it for the filter `wordwrap`.
struct WrappedText {
    let width: Int
    let breaksLongWords: Bool
    let breaksOnHyphens: Bool

    private typealias Chunk = ArraySlice<Unicode.Scalar>

    /// The lines of one paragraph.
    func lines(_ text: String) -> [String] {
        var chunks = Array(self.chunks(Array(text.unicodeScalars)).reversed())
        var lines: [String] = []
        while !chunks.isEmpty {
            if !lines.isEmpty, let next = chunks.last, isBlank(next) { chunks.removeLast() }
            var line: [Chunk] = []
            var length = 0
            while let next = chunks.last, length + next.count <= width {
                line.append(next)
                length += next.count
                chunks.removeLast()
            }
            if let long = chunks.last, long.count > width { take(long, &chunks, &line, room: width - length) }
            if let last = line.last, isBlank(last) { line.removeLast() }
            if !line.isEmpty { lines.append(PythonText.string(line.joined())) }
        }
        return lines
    }

    private func isBlank(_ chunk: Chunk) -> Bool { chunk.allSatisfy(PythonText.isSpace) }

    /// Takes a part of a word that fits into no line, or all of it if words must not be broken.
    private func take(_ long: Chunk, _ chunks: inout [Chunk], _ line: inout [Chunk], room: Int) {
        guard breaksLongWords else {
            if line.isEmpty, let word = chunks.popLast() { line.append(word) }
            return
        }
        var end = long.startIndex + room
        if breaksOnHyphens, let hyphen = long[..<end].lastIndex(of: "-"), hyphen > long.startIndex,
            long[..<hyphen].contains(where: { $0 != "-" })
        {
            end = hyphen + 1
        }
        line.append(long[..<end])
        chunks[chunks.count - 1] = long[end...]
    }

    // MARK: Splitting

    /// Words and the blanks between them. With hyphens, a word ends behind a hyphen between letters, and dashes
    /// between words stand alone.
    private func chunks(_ text: [Unicode.Scalar]) -> [Chunk] {
        var chunks: [Chunk] = []
        var start = 0
        while start < text.count {
            let end: Int
            if Self.isBlank(text[start]) {
                end = text[start...].firstIndex { !Self.isBlank($0) } ?? text.count
            } else if breaksOnHyphens {
                end = endOfDash(in: text, from: start) ?? endOfPart(in: text, from: start)
            } else {
                end = text[start...].firstIndex(where: Self.isBlank) ?? text.count
            }
            chunks.append(text[start..<end])
            start = end
        }
        return chunks
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        "\t\n\u{0B}\u{0C}\r ".unicodeScalars.contains(scalar)
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        PythonText.isWordCharacter(scalar) && scalar.properties.numericType != .decimal
    }

    /// The end of two or more dashes between words that start at `start`.
    private func endOfDash(in text: [Unicode.Scalar], from start: Int) -> Int? {
        guard start > 0, text[start] == "-",
            PythonText.isWordCharacter(text[start - 1]) || "!\"'&.,?".unicodeScalars.contains(text[start - 1])
        else { return nil }
        let end = text[start...].firstIndex { $0 != "-" } ?? text.count
        guard end - start >= 2, end < text.count, PythonText.isWordCharacter(text[end]) else { return nil }
        return end
    }

    private func endOfPart(in text: [Unicode.Scalar], from start: Int) -> Int {
        func isLetter(_ index: Int) -> Bool { text.indices.contains(index) && Self.isLetter(text[index]) }
        // Letters before `start` count, too: an earlier hyphen may have ended a part there.
        func isHyphen(_ index: Int) -> Bool { text.indices.contains(index) && text[index] == "-" }
        for index in text.indices[(start + 1)...] {
            if text[index] == "-" {
                let isBehind =
                    isLetter(index - 1) && (isLetter(index - 2) || isHyphen(index - 2) && isLetter(index - 3))
                let isBefore =
                    isLetter(index + 1) && (isLetter(index + 2) || isHyphen(index + 2) && isLetter(index + 3))
                if isBehind, isBefore { return index + 1 }
                if endOfDash(in: text, from: index) != nil { return index }
            } else if Self.isBlank(text[index]) {
                return index
            }
        }
        return text.count
    }
}
