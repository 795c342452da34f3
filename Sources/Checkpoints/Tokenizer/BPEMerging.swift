import HeapModule

/// The merging of one encoding: it turns pieces of text into tokens and remembers the pieces it has seen.
struct BPEMerging {
    private let model: BPEModel

    /// Pieces that were merged before, and the places of their tokens in `knownTokens`.
    private var known = ByteStringTable()
    private var knownRanges: [Range<Int>] = []
    private var knownTokens: [Int32] = []
    /// The maximum length of a remembered piece. Longer ones rarely recur.
    private static let longestKnownPiece = 64
    private static let maxKnownPieces = 1 << 17

    /// Whether a character needed the token for unknown characters, which the model names but lacks.
    private(set) var lacksUnknownToken = false

    private var symbols: [Symbol] = []
    private var candidates = Heap<UInt64>()

    /// A token of the current piece. Symbols form a list, from which a merge removes the right one of two.
    private struct Symbol {
        var token: Int32
        /// The neighbours' indices, or -1 at the ends.
        var previous: Int32
        var next: Int32
        /// The rank of the merge with the next symbol, or `noMerge`.
        var rank: UInt32
        /// The token that this merge results in.
        var result: Int32
    }

    private static let noMerge = UInt32.max

    init(model: BPEModel) {
        self.model = model
    }

    /// Appends the tokens of a piece, which is valid UTF-8, to `output`.
    mutating func append(_ piece: UnsafeBufferPointer<UInt8>, to output: inout [Int32]) {
        let worthKnowing = piece.count <= Self.longestKnownPiece
        if worthKnowing, let index = known.value(of: piece) {
            output.append(contentsOf: knownTokens[knownRanges[Int(index)]])
            return
        }
        let start = output.count
        if model.ignoresMerges, let token = model.vocabulary.value(of: piece) {
            output.append(token)
        } else {
            readSymbols(piece)
            mergeSymbols()
            appendSymbols(to: &output)
        }
        if worthKnowing, known.count < Self.maxKnownPieces,
            known.insert(piece, value: Int32(knownRanges.count))
        {
            knownRanges.append(knownTokens.count..<knownTokens.count + output.count - start)
            knownTokens.append(contentsOf: output[start...])
        }
    }

    /// Makes one symbol of each character that is a token; the model's rule for unknown characters handles the others.
    private mutating func readSymbols(_ piece: UnsafeBufferPointer<UInt8>) {
        symbols.removeAll(keepingCapacity: true)
        let decorates = !model.continuingSubwordPrefix.isEmpty || !model.endOfWordSuffix.isEmpty
        var unknownIsPending = false
        var position = 0
        while position < piece.count {
            let end = min(position + UTF8Scalars.length(lead: piece[position]), piece.count)
            defer { position = end }
            var character = UnsafeBufferPointer(rebasing: piece[position..<end])
            var decorated: [UInt8] = []
            if decorates {
                if position > 0 { decorated += model.continuingSubwordPrefix }
                decorated += character
                if end == piece.count { decorated += model.endOfWordSuffix }
            }
            decorated.withUnsafeBufferPointer { decorated in
                if decorates { character = decorated }
                if let token = model.vocabulary.value(of: character) {
                    if unknownIsPending, let unknown = model.unknown { append(unknown.token) }
                    unknownIsPending = false
                    append(token)
                } else if let bytes = model.byteFallback, character.allSatisfy({ bytes[Int($0)] >= 0 }) {
                    // A pending unknown token comes after these, as in the reference library.
                    for byte in character { append(bytes[Int(byte)]) }
                } else if let unknown = model.unknown {
                    if unknownIsPending, !unknown.fuses { append(unknown.token) }
                    unknownIsPending = true
                } else if model.missingUnknown != nil {
                    lacksUnknownToken = true
                }
            }
        }
        if unknownIsPending, let unknown = model.unknown { append(unknown.token) }
    }

    private mutating func append(_ token: Int32) {
        let index = Int32(symbols.count)
        if index > 0 { symbols[Int(index) - 1].next = index }
        symbols.append(Symbol(token: token, previous: index - 1, next: -1, rank: Self.noMerge, result: -1))
    }

    /// Merges the pair of lowest rank, the leftmost of those, until no pair merges. The heap holds a rank and a
    /// position for each pair that can merge, and some for pairs that no longer exist, so n symbols take n log n steps.
    private mutating func mergeSymbols() {
        for index in symbols.indices.dropLast() { considerMerge(at: index) }
        while let candidate = candidates.popMin() {
            let left = Int(candidate & 0xFFFF_FFFF)
            guard symbols[left].rank == UInt32(candidate >> 32) else { continue }
            let right = Int(symbols[left].next)
            symbols[left].token = symbols[left].result
            symbols[left].next = symbols[right].next
            symbols[right].rank = Self.noMerge
            if symbols[left].next >= 0 { symbols[Int(symbols[left].next)].previous = Int32(left) }
            considerMerge(at: left)
            if symbols[left].previous >= 0 { considerMerge(at: Int(symbols[left].previous)) }
        }
    }

    /// Records whether the symbol at `index` merges with the one after it.
    private mutating func considerMerge(at index: Int) {
        symbols[index].rank = Self.noMerge
        let next = Int(symbols[index].next)
        guard next >= 0, let merge = model.merge(symbols[index].token, symbols[next].token) else { return }
        symbols[index].rank = merge.rank
        symbols[index].result = merge.result
        candidates.insert(UInt64(merge.rank) << 32 | UInt64(index))
    }

    private func appendSymbols(to output: inout [Int32]) {
        var index = symbols.isEmpty ? -1 : 0
        while index >= 0 {
            output.append(symbols[index].token)
            index = Int(symbols[index].next)
        }
    }
}
