import Runtime

/// The rows of one sequence in a call of the model.
struct RowRequest {
    var slot: Int32
    /// A position for each row.
    var positions: [Int32]
    var call: SequenceCall
}

/// Rows of different samplers, sequences and depths that want the same number of recurrences, as one call of the model.
///
/// The call runs the function that computes what any of its rows needs: `decode` computes what `prefill` and `resume`
/// compute, and `step` with shares of 1 and 0 what `decode` computes, to the bit. Each sampler receives what a call of
/// its own would have returned.
struct MergedCall {
    let requests: [RowRequest]

    /// The minimum number of rows of a call from which rows that are not read out are spared the coda and the head. With
    /// fewer rows both cost the bytes of their weights, whatever the number of rows (docs/measured/performance.md).
    static let splitRows = 32

    /// - Parameter requests: at least one, all with the same number of recurrences.
    init(_ requests: [RowRequest]) { self.requests = requests }

    /// Evaluates the rows in one call, or in two if many of them are not read out.
    /// - Returns: a result for each request.
    func evaluate(on model: any RecurrentModel) throws -> [ModelResult] {
        let reads = requests.map(\.call.readRows)
        let readRows = reads.reduce(0) { $0 + $1.count }
        let head = requests.map(\.head).max { $0.extent < $1.extent } ?? .state
        guard readRows > 0, rowCount >= Self.splitRows, 2 * readRows <= rowCount else {
            return try parts(of: model.evaluate(ragged(head: head)))
        }
        var results = try parts(of: model.evaluate(ragged(head: .state)))
        let readers = zip(requests, zip(results, reads)).map { $0.0.readOut(of: $0.1.0, rows: $0.1.1) }
        let merged = MergedCall(readers)
        let readOuts = try merged.parts(of: model.evaluate(merged.ragged(head: head)))
        for index in results.indices { results[index].take(readOuts[index], rows: reads[index]) }
        return results
    }

    private var rowCount: Int { requests.reduce(0) { $0 + $1.positions.count } }

    /// The least function that computes what all rows need.
    private var function: RaggedCall.Function {
        let functions = Set(requests.map(\.call.function))
        if functions.count == 1, let only = functions.first { return only }
        return functions.contains(.step) ? .step : .decode
    }

    private func ragged(head: RaggedCall.Head) -> RaggedCall {
        let first = requests[0].call
        var ragged = RaggedCall(
            function: function, head: head, recurrences: first.recurrences, slots: [], positions: [], depths: [],
            tokens: [], states: Latents(width: first.states.width))
        if ragged.function == .step { ragged.step = .empty(width: first.states.width) }
        if ragged.function == .resume { ragged.embeddings = Latents(width: first.states.width) }
        for request in requests {
            let call = request.call
            ragged.slots += repeatElement(request.slot, count: request.positions.count)
            ragged.positions += request.positions
            ragged.depths += call.depths
            ragged.tokens += call.tokens
            ragged.states.append(call.states)
            ragged.step?.append(call.step ?? .identity(rows: request.positions.count, width: call.states.width))
            if let embeddings = call.embeddings { ragged.embeddings?.append(embeddings) }
        }
        return ragged
    }

    /// Divides a result of the merged call.
    private func parts(of result: ModelResult) throws -> [ModelResult] {
        let rows = rowCount
        try result.check(rows: rows)
        var next = 0
        return requests.map { request in
            defer { next += request.positions.count }
            var part = requests.count == 1 ? result : result.part(next..<next + request.positions.count, of: rows)
            if request.call.head == .token, part.tokens.isEmpty { part.tokens = part.logits.argmax() }
            return part
        }
    }
}

extension RowRequest {
    /// The head that the read-outs need.
    fileprivate var head: RaggedCall.Head { call.readRows.isEmpty ? .state : call.head }

    /// The read-out of some rows whose states are known.
    fileprivate func readOut(of result: ModelResult, rows: [Int]) -> RowRequest {
        var request = self
        request.positions = rows.map { positions[$0] }
        request.call = SequenceCall(
            function: .resume, head: call.head, recurrences: 0, start: call.start, tokens: rows.map { call.tokens[$0] },
            depths: rows.map { call.depths[$0] + Int32(call.recurrences) }, states: result.states.rows(rows),
            embeddings: .zeros(rows: rows.count, width: call.states.width))
        return request
    }
}

extension RaggedCall.Head {
    /// Orders heads by what they compute: logits hold the token.
    fileprivate var extent: Int {
        switch self {
        case .state: 0
        case .token: 1
        case .logits: 2
        }
    }
}

extension StepInput {
    fileprivate static func empty(width: Int) -> StepInput { identity(rows: 0, width: width) }

    /// A mixture that changes nothing.
    fileprivate static func identity(rows: Int, width: Int) -> StepInput {
        let (ones, zeros) = ([Float](repeating: 1, count: rows), [Float](repeating: 0, count: rows))
        return StepInput(
            embeddings: .zeros(rows: rows, width: width), noise: .zeros(rows: rows, width: width), embeddingNew: ones,
            embeddingOld: zeros, stateOld: ones, stateNoise: zeros)
    }

    fileprivate mutating func append(_ other: StepInput) {
        embeddings.append(other.embeddings)
        noise.append(other.noise)
        embeddingNew += other.embeddingNew
        embeddingOld += other.embeddingOld
        stateOld += other.stateOld
        stateNoise += other.stateNoise
    }
}

extension Latents {
    /// The column of each row's largest number, the first of equals.
    fileprivate func argmax() -> [Int32] {
        values.withUnsafeBufferPointer { values in
            (0..<rows).map { row in
                var best = 0
                var largest = -Float.infinity
                for column in 0..<width where values[row * width + column] > largest {
                    largest = values[row * width + column]
                    best = column
                }
                return Int32(best)
            }
        }
    }
}

extension ModelResult {
    /// - Throws: ``SamplerError`` if a result of the model does not have a row for each row of the call.
    fileprivate func check(rows: Int) throws {
        let counts = [states, logits, latents, embeddings].filter { !$0.values.isEmpty }.map(\.rows)
        let others = [tokens.count, differences.count, exitGates.count].filter { $0 > 0 }
        if let found = (counts + others).first(where: { $0 != rows }) {
            throw SamplerError("The model returned \(found) rows for a call of \(rows).")
        }
    }

    /// The results of the rows `range` of a call of `rows` rows. Results that the call does not return stay empty.
    func part(_ range: Range<Int>, of rows: Int) -> ModelResult {
        func part(_ latents: Latents) -> Latents { latents.values.isEmpty ? latents : latents.rows(range) }
        func part<Element>(_ values: [Element]) -> [Element] { values.isEmpty ? values : Array(values[range]) }
        return ModelResult(
            states: part(states), tokens: part(tokens), logits: part(logits), latents: part(latents),
            embeddings: part(embeddings), differences: part(differences), exitGates: part(exitGates))
    }

    /// Places read-outs of the rows `rows`. Other rows have none: token −1, and logits of 0.
    fileprivate mutating func take(_ readOut: ModelResult, rows: [Int]) {
        let count = states.rows
        if !readOut.tokens.isEmpty {
            tokens = [Int32](repeating: -1, count: count)
            for (index, row) in rows.enumerated() { tokens[row] = readOut.tokens[index] }
        }
        if !readOut.logits.values.isEmpty {
            logits = .zeros(rows: count, width: readOut.logits.width)
            for (index, row) in rows.enumerated() { logits.setRow(row, to: readOut.logits, row: index) }
        }
    }
}
