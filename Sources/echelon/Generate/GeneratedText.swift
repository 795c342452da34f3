import Checkpoints

/// The text of the final tokens, which is printed as it comes or kept to the end. Stop tokens have no text.
struct GeneratedText {
    private(set) var tokens: [Int32] = []
    private(set) var text = ""
    private let stops: Set<Int>
    private let streams: Bool
    private var decoder: TokenStreamDecoder?

    init(_ tools: TextTools?, stops: Set<Int>, streams: Bool) {
        decoder = tools?.tokenizer.makeStreamDecoder(skipSpecialTokens: true)
        self.stops = stops
        self.streams = streams
    }

    mutating func add(_ new: [Int32]) throws {
        tokens += new
        for token in new where !stops.contains(Int(token)) { try emit(decoder?.append(token) ?? "") }
    }

    /// - Returns: The text that is still to be printed.
    mutating func finish() throws -> String {
        try emit(decoder?.finish() ?? "")
        return streams ? "" : text
    }

    private mutating func emit(_ piece: String) throws {
        text += piece
        if streams, !piece.isEmpty { try Terminal.write(piece) }
    }
}
