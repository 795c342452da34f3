import Runtime

/// The choice of tokens from a call's results, with checks of what the model returned.
struct RowTokens: Hashable, Sendable {
    var choice: TokenChoice
    var random: CounterRandom
    var shape: ModelShape

    init(settings: GenerationSettings, shape: ModelShape) {
        self.choice = settings.choice
        self.random = CounterRandom(seed: settings.seed)
        self.shape = shape
    }

    /// The head that a call needs for these choices: tokens if each is an argmax, else logits.
    var head: RaggedCall.Head { choice.isArgmax ? .token : .logits }

    /// Chooses the token that follows each of the rows `rows` of the result of `call`, which are in ascending order. The
    /// repetition penalty of a row is for the tokens that the row has read: those of `sequence` up to its own position.
    /// - Throws: ``SamplerError`` if logits are not numbers or the result's sizes do not fit the call.
    func choose(
        _ rows: some Collection<Int>, of call: SequenceCall, from result: ModelResult, sequence: [Int32], step: Int
    ) throws -> [Int32] {
        if rows.isEmpty { return [] }
        if call.head == .token {
            try requireCount(result.tokens.count, call.resultRows, "tokens")
            let tokens = rows.map { result.tokens[$0] }
            for token in tokens where token < 0 || Int(token) >= shape.vocabulary {
                throw SamplerError("The model chose token \(token), which its vocabulary of \(shape.vocabulary) lacks.")
            }
            return tokens
        }
        try requireCount(result.logits.values.count, call.resultRows * shape.vocabulary, "logits")
        let start = call.resultStart
        var seen = [Bool](repeating: false, count: choice.repetitionPenalty == 1 ? 0 : shape.vocabulary)
        var seenCount = 0
        return try result.logits.values.withUnsafeBufferPointer { logits in
            try rows.map { row in
                let position = start + row
                if !seen.isEmpty {
                    for token in sequence[seenCount...position] { seen[Int(token)] = true }
                    seenCount = position + 1
                }
                let rowLogits = UnsafeBufferPointer(
                    rebasing: logits[row * shape.vocabulary..<(row + 1) * shape.vocabulary])
                guard
                    let token = choice.choose(
                        from: rowLogits, seen: seen,
                        uniform: random.uniform(.tokenChoice, position: position + 1, step: step))
                else {
                    throw notNumbers("row of logits", position: position)
                }
                return token
            }
        }
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
