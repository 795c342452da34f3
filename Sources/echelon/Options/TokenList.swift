import ArgumentParser

/// A list of token ids on the command line: `1,2,3`, also with spaces or in brackets.
struct TokenList: ExpressibleByArgument {
    var tokens: [Int32]

    init?(argument: String) {
        let separators: Set<Character> = [",", " ", "\n", "\t", "\r"]
        var text = argument[...]
        while let first = text.first, separators.contains(first) { text.removeFirst() }
        while let last = text.last, separators.contains(last) { text.removeLast() }
        if text.first == "[", text.last == "]", text.count >= 2 { text = text.dropFirst().dropLast() }
        tokens = []
        for word in text.split(whereSeparator: { separators.contains($0) }) {
            guard let token = Int32(word) else { return nil }
            tokens.append(token)
        }
    }
}
