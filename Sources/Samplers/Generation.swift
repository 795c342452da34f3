import Runtime

/// A batch of sequences over one model. Each step evaluates one call of every sampler, and calls of one kind share a
/// call of the model.
///
///     var generation = Generation(model: model)
///     try generation.add(sampler, slot: 0)
///     while !generation.isIdle {
///         for event in try generation.step() { print(event.newTokens) }
///     }
public struct Generation {
    /// The result of one ``step()`` for one sequence.
    public struct Event: Sendable {
        public var slot: Int32
        /// The generated tokens that became final.
        public var newTokens: [Int32] = []
        /// The sampler's state after the step; nil after a prefill.
        public var record: StepRecord?
        /// The sampler if the sequence has ended, by its finish reason or by `failure`; else nil.
        public var ended: (any SequenceSampler)?
        /// The reason why the sequence could not go on. Other sequences are not affected.
        public var failure: SamplerError?
    }

    private let model: any RecurrentModel
    private let maxRows: Int
    private var samplers: [(slot: Int32, sampler: any SequenceSampler)] = []

    /// - Parameter maxRows: the maximum number of rows in a call of several sequences. The rows of one sequence stay
    ///   together, so its call may have more.
    public init(model: any RecurrentModel, maxRows: Int = .max) {
        self.model = model
        self.maxRows = maxRows
    }

    /// Whether no sequence is left to run.
    public var isIdle: Bool { samplers.isEmpty }

    /// The slots of the sequences that are running.
    public var slots: [Int32] { samplers.map(\.slot) }

    /// Adds a sequence, which uses the model's cache slot `slot` from the next ``step()`` on.
    /// - Throws: ``SamplerError`` if a running sequence uses that slot.
    public mutating func add(_ sampler: any SequenceSampler, slot: Int32) throws {
        guard !slots.contains(slot) else {
            throw SamplerError("Cache slot \(slot) is in use by another sequence; wait for its end or take another.")
        }
        samplers.append((slot, sampler))
    }

    /// Ends the sequence in `slot`: the next ``step()`` reports it as ended and does not evaluate it.
    public mutating func cancel(slot: Int32) {
        if let index = samplers.firstIndex(where: { $0.slot == slot }) { samplers[index].sampler.cancel() }
    }

    /// Evaluates one call of every sequence. Sequences that end are reported and removed.
    /// - Returns: an event for each sequence, in the order they were added.
    /// - Throws: what the model throws; then no sequence of the failed call has changed.
    public mutating func step() throws -> [Event] {
        let calls = samplers.map { $0.sampler.nextCall() }
        var events = samplers.map { Event(slot: $0.slot) }
        for members in batches(of: calls) {
            let results = try evaluate(members.compactMap { index in calls[index].map { (samplers[index].slot, $0) } })
            for (index, result) in zip(members, results) {
                guard let call = calls[index] else { continue }
                do {
                    let outcome = try samplers[index].sampler.receive(result, of: call)
                    events[index].newTokens = outcome.newTokens
                    events[index].record = outcome.record
                } catch let error as SamplerError {
                    events[index].failure = error
                }
            }
        }
        for (index, entry) in samplers.enumerated()
        where entry.sampler.finishReason != nil || events[index].failure != nil {
            events[index].ended = entry.sampler
        }
        let ended = Set(events.filter { $0.ended != nil }.map(\.slot))
        samplers.removeAll { ended.contains($0.slot) }
        return events
    }

    /// The groups of calls that one call of the model can hold, by index. A sequence without a call is in no group.
    private func batches(of calls: [SequenceCall?]) -> [[Int]] {
        struct Kind: Hashable {
            var function: RaggedCall.Function
            var head: RaggedCall.Head
            var recurrences: Int
        }
        var open: [Kind: Int] = [:]
        var batches: [(members: [Int], rows: Int)] = []
        for (index, call) in calls.enumerated() {
            guard let call else { continue }
            let kind = Kind(function: call.function, head: call.head, recurrences: call.recurrences)
            let rows = call.tokens.count
            if let batch = open[kind], batches[batch].rows <= maxRows - min(rows, maxRows) {
                batches[batch].members.append(index)
                batches[batch].rows += rows
            } else {
                open[kind] = batches.count
                batches.append(([index], rows))
            }
        }
        return batches.map(\.members)
    }

    /// Evaluates calls of one kind as one call of the model, and returns the rows of each.
    private func evaluate(_ calls: [(slot: Int32, call: SequenceCall)]) throws -> [ModelResult] {
        guard let first = calls.first?.call else { return [] }
        var ragged = RaggedCall(
            function: first.function, head: first.head, recurrences: first.recurrences, slots: [], positions: [],
            depths: [], tokens: [], states: Latents(width: first.states.width))
        for (slot, call) in calls {
            ragged.slots += [Int32](repeating: slot, count: call.tokens.count)
            ragged.positions += (call.start..<call.start + call.tokens.count).map(Int32.init)
            ragged.depths += call.depths
            ragged.tokens += call.tokens
            ragged.states.append(call.states)
            if ragged.step == nil { ragged.step = call.step } else if let step = call.step { ragged.step?.append(step) }
        }
        let result = try model.evaluate(ragged)
        if calls.count == 1 { return [result] }
        var row = 0
        return try calls.map { _, call in
            defer { row += call.tokens.count }
            return try result.part(row..<row + call.tokens.count, of: ragged.tokens.count)
        }
    }
}

extension Generation {
    /// Runs `samplers` to their ends, in cache slots 0, 1, ….
    /// - Parameter onEvent: called for every step of every sequence; returning false cancels that sequence.
    /// - Returns: the ended samplers, in the order given.
    /// - Throws: what the model or `onEvent` throws, or the first ``SamplerError`` of a sequence.
    public static func run(
        _ samplers: [any SequenceSampler], on model: any RecurrentModel, maxRows: Int = .max,
        onEvent: (Event) throws -> Bool = { _ in true }
    ) throws -> [any SequenceSampler] {
        var generation = Generation(model: model, maxRows: maxRows)
        for (slot, sampler) in samplers.enumerated() { try generation.add(sampler, slot: Int32(slot)) }
        var results = samplers
        while !generation.isIdle {
            for event in try generation.step() {
                if let failure = event.failure { throw failure }
                if let ended = event.ended { results[Int(event.slot)] = ended }
                if try !onEvent(event) { generation.cancel(slot: event.slot) }
            }
        }
        return results
    }
}

extension StepInput {
    fileprivate mutating func append(_ other: StepInput) {
        embeddings.append(other.embeddings)
        noise.append(other.noise)
        embeddingNew += other.embeddingNew
        embeddingOld += other.embeddingOld
        stateOld += other.stateOld
        stateNoise += other.stateNoise
    }
}

extension ModelResult {
    /// The results of the rows `range` of a call of `rows` rows. Results that the call does not return stay empty.
    fileprivate func part(_ range: Range<Int>, of rows: Int) throws -> ModelResult {
        func part(_ latents: Latents) throws -> Latents {
            if latents.values.isEmpty { return latents }
            guard latents.rows == rows else { throw unfit(latents.rows) }
            return latents.rows(range)
        }
        func part<Element>(_ values: [Element]) throws -> [Element] {
            if values.isEmpty { return values }
            guard values.count == rows else { throw unfit(values.count) }
            return Array(values[range])
        }
        func unfit(_ found: Int) -> SamplerError {
            SamplerError("The model returned \(found) rows for a call of \(rows).")
        }
        return ModelResult(
            states: try part(states), tokens: try part(tokens), logits: try part(logits), latents: try part(latents),
            embeddings: try part(embeddings), differences: try part(differences))
    }
}
