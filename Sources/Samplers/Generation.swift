import Runtime

/// A batch of sequences over one model. Each step evaluates rows of every sequence, and rows that want the same number of
/// recurrences share a call of the model, whatever their samplers and depths. What a sampler is told never depends on
/// the sequences that share its calls.
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

    /// A sequence that is running.
    private struct Running {
        let slot: Int32
        var sampler: any SequenceSampler
        /// The prompt that is being evaluated.
        var prompt: PromptPieces?
    }

    private let model: any RecurrentModel
    private let maxRows: Int
    private let promptRows: Int
    private var running: [Running] = []

    /// The usual maximum number of rows of prompts in a shared call. Some hundred rows keep kernels at their peak
    /// (docs/measured/performance.md), and more would only delay the other sequences.
    public static let usualPromptRows = 256

    /// - Parameters:
    ///   - maxRows: the maximum number of rows in a call of several sequences. Rows that have to stay together, such as
    ///     those of a sampler's call, may be more.
    ///   - promptRows: the maximum number of rows of prompts that are evaluated together with other sequences, so that a
    ///     long prompt delays them little.
    public init(model: any RecurrentModel, maxRows: Int = .max, promptRows: Int = usualPromptRows) {
        self.model = model
        self.maxRows = min(maxRows, model.shape.maxRows)
        self.promptRows = min(promptRows, self.maxRows)
    }

    /// Whether no sequence is left to run.
    public var isIdle: Bool { running.isEmpty }

    /// The slots of the sequences that are running.
    public var slots: [Int32] { running.map(\.slot) }

    /// Adds a sequence, which uses the model's cache slot `slot` from the next ``step()`` on.
    /// - Throws: ``SamplerError`` if a running sequence uses that slot.
    public mutating func add(_ sampler: any SequenceSampler, slot: Int32) throws {
        guard !slots.contains(slot) else {
            throw SamplerError("Cache slot \(slot) is in use by another sequence; wait for its end or take another.")
        }
        running.append(Running(slot: slot, sampler: sampler))
    }

    /// Ends the sequence in `slot`: the next ``step()`` reports it as ended and does not evaluate it.
    public mutating func cancel(slot: Int32) {
        guard let index = running.firstIndex(where: { $0.slot == slot }) else { return }
        running[index].sampler.cancel()
        running[index].prompt = nil
    }

    /// Evaluates rows of every sequence: the call of its sampler, or a part of its prompt. Sequences that end are reported
    /// and removed.
    /// - Returns: an event for each sequence, in the order they were added.
    /// - Throws: what the model throws; then no sequence of the failed call has changed.
    public mutating func step() throws -> [Event] {
        var events = running.map { Event(slot: $0.slot) }
        for requests in nextCalls() {
            let results = try MergedCall(requests.map(\.rows)).evaluate(on: model)
            for (request, result) in zip(requests, results) {
                do {
                    try deliver(result, of: request, to: &events[request.sequence])
                } catch let error as SamplerError {
                    events[request.sequence].failure = error
                }
            }
        }
        for (index, entry) in running.enumerated()
        where entry.sampler.finishReason != nil || events[index].failure != nil {
            events[index].ended = entry.sampler
        }
        let ended = Set(events.filter { $0.ended != nil }.map(\.slot))
        running.removeAll { ended.contains($0.slot) }
        return events
    }

    private mutating func deliver(_ result: ModelResult, of request: Request, to event: inout Event) throws {
        let index = request.sequence
        var (result, call) = (result, request.rows.call)
        if let prompt = running[index].prompt?.call {
            let piece = PromptPieces.Piece(positions: request.rows.positions, call: call)
            guard let whole = running[index].prompt?.receive(result, of: piece) else { return }
            (result, call) = (whole, prompt)
            running[index].prompt = nil
        }
        let outcome = try running[index].sampler.receive(result, of: call)
        event.newTokens = outcome.newTokens
        event.record = outcome.record
    }

    // MARK: The calls of a step

    /// Rows of the running sequence with this index.
    private struct Request {
        var sequence: Int
        var rows: RowRequest
    }

    /// Requests for the same number of recurrences.
    private struct Group {
        var recurrences: Int
        var requests: [Request] = []
        var rowCount = 0
    }

    /// The requests of this step, one list for each call of the model.
    private mutating func nextCalls() -> [[Request]] {
        var groups: [Group] = []
        func add(_ request: Request) {
            let recurrences = request.rows.call.recurrences
            let index = groups.firstIndex { $0.recurrences == recurrences } ?? groups.count
            if index == groups.count { groups.append(Group(recurrences: recurrences)) }
            groups[index].requests.append(request)
            groups[index].rowCount += request.rows.positions.count
        }
        for index in running.indices where running[index].prompt == nil {
            guard let call = running[index].sampler.nextCall() else { continue }
            if call.reads == .last {
                running[index].prompt = PromptPieces(call, shape: model.shape)
            } else {
                let positions = (call.start..<call.start + call.tokens.count).map(Int32.init)
                add(
                    Request(
                        sequence: index, rows: RowRequest(slot: running[index].slot, positions: positions, call: call)))
            }
        }
        addPrompts(sharing: groups.max { $0.rowCount < $1.rowCount }?.recurrences, add)
        return groups.flatMap { divided($0.requests) }
    }

    /// Adds parts of prompts. They take as many recurrences as the sequences with which they share a call, or all if
    /// there are only prompts.
    private mutating func addPrompts(sharing recurrences: Int?, _ add: (Request) -> Void) {
        let common = recurrences ?? running.compactMap { $0.prompt?.remainingRecurrences }.min() ?? 0
        var room = recurrences == nil ? maxRows : promptRows
        var isFirst = true
        for index in running.indices {
            let piece = running[index].prompt?.next(recurrences: common, room: room, mustBegin: isFirst)
            guard let piece else { continue }
            isFirst = false
            room = max(0, room - piece.positions.count)
            add(
                Request(
                    sequence: index,
                    rows: RowRequest(slot: running[index].slot, positions: piece.positions, call: piece.call)))
        }
    }

    /// Divides requests so that each call of the model stays within the row limit.
    private func divided(_ requests: [Request]) -> [[Request]] {
        var calls: [[Request]] = []
        var rows = 0
        for request in requests {
            let count = request.rows.positions.count
            if !calls.isEmpty, rows + count <= maxRows {
                calls[calls.count - 1].append(request)
                rows += count
            } else {
                calls.append([request])
                rows = count
            }
        }
        return calls
    }
}

extension Generation {
    /// Runs `samplers` to their ends, in cache slots 0, 1, ….
    /// - Parameter onEvent: called for every step of every sequence; returning false cancels that sequence.
    /// - Returns: the ended samplers, in the order given. If calls of the model are stopped, all sequences end there.
    /// - Throws: what the model or `onEvent` throws, or the first ``SamplerError`` of a sequence.
    public static func run(
        _ samplers: [any SequenceSampler], on model: any RecurrentModel, maxRows: Int = .max,
        onEvent: (Event) throws -> Bool = { _ in true }
    ) throws -> [any SequenceSampler] {
        var generation = Generation(model: model, maxRows: maxRows)
        for (slot, sampler) in samplers.enumerated() { try generation.add(sampler, slot: Int32(slot)) }
        var results = samplers
        while !generation.isIdle {
            let events: [Event]
            do {
                events = try generation.step()
            } catch is CallStopped {
                for slot in samplers.indices { generation.cancel(slot: Int32(slot)) }
                continue
            }
            for event in events {
                if let failure = event.failure { throw failure }
                if let ended = event.ended { results[Int(event.slot)] = ended }
                if try !onEvent(event) { generation.cancel(slot: event.slot) }
            }
        }
        return results
    }
}
