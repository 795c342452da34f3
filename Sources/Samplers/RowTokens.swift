import Runtime

/// The choice of tokens from a call's results, with checks of what the model returned.
struct RowTokens: Hashable, Sendable {
    let settings: GenerationSettings
    let promptCount: Int
    let random: CounterRandom
    let shape: ModelShape

    init(settings: GenerationSettings, promptCount: Int, shape: ModelShape) {
        self.settings = settings
        self.promptCount = promptCount
        self.random = CounterRandom(seed: settings.seed)
        self.shape = shape
    }

    private var choice: TokenChoice { settings.choice }

    /// The head that a call needs for these choices: tokens if each is an argmax, else logits.
    var head: RaggedCall.Head { choice.isArgmax && settings.rules.isEmpty ? .token : .logits }

    /// Chooses the token that follows each of the rows `rows` of the result of `call`, which are in ascending order. The
    /// repetition penalty and the rules of a row are for the tokens that the row has read: those of `sequence` up to its
    /// own position.
    /// - Parameter following: whether the rules of a row are for the tokens that this call chooses for the rows before,
    ///   because they take the place of those in `sequence`.
    /// - Throws: ``SamplerError`` if logits are not numbers, the rules leave no token, or the result's sizes do not fit
    ///   the call.
    func choose(
        _ rows: some Collection<Int>, of call: SequenceCall, from result: ModelResult, sequence: [Int32], step: Int,
        following: Bool = false
    ) throws -> [Int32] {
        if rows.isEmpty { return [] }
        if call.head == .token {
            try requireCount(result.tokens.count, call.resultRows, "tokens")
            let tokens = rows.map { result.tokens[$0] }
            if let row = tokens.firstIndex(of: Self.noToken) {
                throw notNumbers(
                    "row of logits", position: call.resultStart + rows[rows.index(rows.startIndex, offsetBy: row)])
            }
            for token in tokens where token < 0 || Int(token) >= shape.vocabulary {
                throw SamplerError("The model chose token \(token), which its vocabulary of \(shape.vocabulary) lacks.")
            }
            return tokens
        }
        try requireCount(result.logits.values.count, call.resultRows * shape.vocabulary, "logits")
        let start = call.resultStart
        var seen = [Bool](repeating: false, count: choice.repetitionPenalty == 1 ? 0 : shape.vocabulary)
        var seenCount = 0
        var read = sequence
        return try result.logits.values.withUnsafeBufferPointer { logits in
            try rows.map { row in
                let position = start + row
                if !seen.isEmpty {
                    for token in sequence[seenCount...position] { seen[Int(token)] = true }
                    seenCount = position + 1
                }
                let rowLogits = UnsafeBufferPointer(
                    rebasing: logits[row * shape.vocabulary..<(row + 1) * shape.vocabulary])
                let token = try choose(from: rowLogits, seen: seen, after: read[...position], step: step)
                if following {
                    read.removeSubrange((position + 1)...)
                    read.append(token)
                }
                return token
            }
        }
    }

    /// The token of a row of logits that is not made of finite numbers, in the result of a call without logits.
    static let noToken: Int32 = -1

    private func choose(
        from logits: UnsafeBufferPointer<Float>, seen: [Bool], after read: ArraySlice<Int32>, step: Int
    ) throws -> Int32 {
        func chosen(_ logits: UnsafeBufferPointer<Float>) -> Int32? {
            choice.choose(
                from: logits, seen: seen, uniform: random.uniform(.tokenChoice, position: read.endIndex, step: step))
        }
        if settings.rules.isEmpty {
            guard let token = chosen(logits) else { throw notNumbers("row of logits", position: read.endIndex - 1) }
            return token
        }
        var allowed = Array(logits)
        settings.rules.apply(to: &allowed, after: read, promptCount: promptCount, settings)
        guard let token = allowed.withUnsafeBufferPointer(chosen) else {
            guard allowed.allSatisfy({ $0 == -.infinity }), logits.contains(where: { $0 > -.infinity }) else {
                throw notNumbers("row of logits", position: read.endIndex - 1)
            }
            throw SamplerError(
                "The rules of the generation, such as forbidden tokens, leave no token for position \(read.endIndex).")
        }
        return token
    }

    /// - Throws: ``SamplerError`` if the states are not one row of the model's width for each row of the result of
    ///   `call`, or the last of them is not made of numbers.
    func requireStates(_ result: ModelResult, of call: SequenceCall) throws {
        try requireCount(result.states.values.count, call.resultRows * shape.width, "state elements")
        guard result.states.values.suffix(shape.width).allSatisfy(\.isFinite) else {
            throw notNumbers("state", position: call.start + call.tokens.count - 1)
        }
    }

    func notNumbers(_ what: String, position: Int) -> SamplerError {
        SamplerError(
            "The \(what) at position \(position) is not made of finite numbers; "
                + "the model's weights are damaged or its arithmetic overflowed.")
    }

    func requireCount(_ found: Int, _ expected: Int, _ what: String) throws {
        guard found == expected else {
            throw SamplerError("The model returned \(found) \(what) where a call needs \(expected).")
        }
    }
}
