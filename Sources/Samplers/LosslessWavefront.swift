import Runtime

/// Autoregressive decoding with a cache entry per recurrence, many positions at a time: the same tokens, in fewer
/// passes.
///
/// With an entry per recurrence, recurrence t of a position reads recurrence t of the positions before it, and nothing
/// else in the core connects positions. So a position may run r' recurrences ahead of the next one. The token that a
/// position predicts at depth r' enters at once as a draft, later steps read the position out again, and a draft that
/// changes takes everything after it along. A position that has had r recurrences was computed from final tokens
/// only, by the operations of autoregressive decoding in the same order: its token is the one that autoregressive
/// decoding produces. docs/sampling.md explains the steps.
///
/// Invariants between steps:
/// - I1: the active positions are `start`, `start + 1`, …, and position p reads token p of ``draftedTokens``.
/// - I2: depths never rise along the sequence, and differ by multiples of r'; so at most ⌈r / r'⌉ positions are active.
/// - I3: the tokens up to `start` are final, and no other token has ever been handed out.
public struct LosslessWavefront: SequenceSampler {
    public let settings: LosslessSettings
    public let generation: GenerationSettings
    public let promptCount: Int
    public private(set) var tokens: [Int32]
    public private(set) var finishReason: FinishReason?
    public private(set) var statistics = SamplerStatistics()

    /// The final tokens, then the draft.
    public private(set) var draftedTokens: [Int32]

    private let rowTokens: RowTokens
    private let initialStates: InitialStates
    private var awaitsPrefill = true
    /// The first active position.
    private var start: Int
    /// One row for each active position, and its depth: the recurrences since it last started.
    private var states: Latents
    private var depths: [Int] = []
    /// The prelude's outputs of the oldest active positions; the newest has none before its first step.
    private var embeddings: Latents

    /// - Throws: ``SettingError`` if a setting is out of range, ``SamplerError`` if the prompt does not fit the model.
    public init(
        prompt: [Int32], settings: LosslessSettings = .init(), generation: GenerationSettings = .init(),
        shape: ModelShape
    ) throws {
        try settings.validate()
        try generation.validate(prompt: prompt, shape: shape)
        self.settings = settings
        self.generation = generation
        promptCount = prompt.count
        tokens = prompt
        draftedTokens = prompt
        rowTokens = RowTokens(settings: generation, promptCount: prompt.count, shape: shape)
        initialStates = InitialStates(width: shape.width, scale: generation.initScale, seed: generation.seed)
        start = prompt.count
        states = Latents(width: shape.width)
        embeddings = Latents(width: shape.width)
        (statistics.drafts, statistics.restarts) = (0, 0)
        if generation.maxNewTokens == 0 { finishReason = .length }
    }

    // MARK: The next call

    public func nextCall() -> SequenceCall? {
        guard finishReason == nil else { return nil }
        if awaitsPrefill {
            return .prompt(
                tokens, head: rowTokens.head, recurrences: settings.recurrence,
                states: initialStates.states(.initialState, positions: 0..<promptCount, step: 0),
                settleThreshold: generation.prefillThreshold)
        }
        // sampling.md, step L2. Only the oldest position can need fewer recurrences than r', and then it has a call of its
        // own.
        let recurrences = min(settings.innerRecurrence, settings.recurrence - depths[0])
        let rows = recurrences < settings.innerRecurrence ? 1 : depths.count
        let reads = (0..<rows).filter { settings.readsOut(atDepth: depths[$0] + recurrences) }
        // Without a new position there is no prelude to compute.
        let resumes = embeddings.rows >= rows
        var call = SequenceCall(
            function: resumes ? .resume : .decode, head: reads.isEmpty ? .state : rowTokens.head,
            recurrences: recurrences, start: start, tokens: Array(draftedTokens[start..<start + rows]),
            depths: depths[..<rows].map(Int32.init), states: states.rows(0..<rows),
            embeddings: resumes ? embeddings.rows(0..<rows) : nil)
        if reads.count < rows { call.reads = .some(reads) }
        return call
    }

    // MARK: The result

    public mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
        try rowTokens.requireStates(result, of: call)
        let known = tokens.count
        var record: StepRecord?
        // sampling.md, step L1.
        if call.isPrompt {
            draftedTokens += try rowTokens.choose(0..<1, of: call, from: result, sequence: tokens, step: 0)
            tokens = draftedTokens
            awaitsPrefill = false
            statistics.count(call)
        } else {
            record = try refine(result, of: call)
        }
        if let reason = generation.finishReason(
            after: tokens, promptCount: promptCount, context: rowTokens.shape.context)
        {
            finishReason = reason
        }
        if finishReason == nil { draftNextPosition() }
        record?.frozen = tokens.count
        return StepOutcome(newTokens: Array(tokens[known...]), record: record)
    }

    private mutating func refine(_ result: ModelResult, of call: SequenceCall) throws -> StepRecord {
        let rows = call.tokens.count
        let computed = start..<start + rows
        let reads = call.readRows
        let readOuts = try rowTokens.choose(reads, of: call, from: result, sequence: draftedTokens, step: 0)
        for row in 0..<rows { depths[row] += call.recurrences }
        let recurrences = [Int](repeating: settings.recurrence, count: start) + depths[..<rows]
        states.replaceFirst(with: result.states)
        if call.function == .decode { embeddings = result.embeddings }
        let change = compare(readOuts, of: reads)
        // sampling.md, step L4.
        let settled = depths.prefix { $0 == settings.recurrence }.count
        start += settled
        tokens = Array(draftedTokens[...start])
        depths.removeFirst(settled)
        states.removeFirst(settled)
        embeddings.removeFirst(min(settled, embeddings.rows))
        statistics.count(call)
        return StepRecord(
            step: statistics.steps - 1, start: computed.lowerBound, frozen: tokens.count, tokens: draftedTokens,
            recurrences: recurrences, differences: [], change: change)
    }

    /// Compares read-outs with the draft, the oldest first: sampling.md, step L3.
    /// - Parameter rows: the row of each read-out among the active positions, in ascending order.
    /// - Returns: the draft that changed, if one did. It takes the positions after it along.
    private mutating func compare(_ readOuts: [Int32], of rows: [Int]) -> DraftChange? {
        for (row, token) in zip(rows, readOuts) {
            let next = start + row + 1
            if next == draftedTokens.count {
                draftedTokens.append(token)
                if depths[row] < settings.recurrence { statistics.drafts? += 1 }
            } else if draftedTokens[next] != token {
                let change = DraftChange(
                    position: next, old: draftedTokens[next], new: token, dropped: depths.count - (row + 1))
                draftedTokens.removeSubrange(next...)
                draftedTokens.append(token)
                states.keepFirst(row + 1)
                embeddings.keepFirst(min(row + 1, embeddings.rows))
                depths.removeSubrange((row + 1)...)
                statistics.restarts? += 1
                return change
            }
        }
        return nil
    }

    /// Makes the position of the newest draft active, unless a token after it would be of no use: sampling.md, step L5.
    private mutating func draftNextPosition() {
        let position = start + depths.count
        guard position == draftedTokens.count - 1,
            position + 1 < min(promptCount + generation.maxNewTokens, rowTokens.shape.context),
            depths.isEmpty || generation.firstStop(in: draftedTokens, from: position) == nil
        else { return }
        states.append(initialStates.states(.initialState, positions: position..<position + 1, step: 0))
        depths.append(0)
    }

    // MARK: Ends

    public mutating func cancel() {
        if finishReason == nil { finishReason = .cancelled }
    }
}
