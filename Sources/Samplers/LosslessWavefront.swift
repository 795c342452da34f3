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
/// - I2: depths never rise along the sequence. A position is at least as many steps ahead of a fresh one as there are
///   positions after it, so at most ⌈r / r'⌉ positions are active.
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
    /// The steps that read out; nil if only the depths of positions decide.
    private var pace: ReadOutPace?

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
        initialStates = InitialStates(shape, generation)
        start = prompt.count
        states = Latents(width: shape.width)
        embeddings = Latents(width: shape.width)
        pace = settings.correction == .asNeeded ? ReadOutPace(innerRecurrence: settings.innerRecurrence) : nil
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
        let step = nextStep
        // Without a new position there is no prelude to compute.
        let resumes = embeddings.rows >= step.rows.upperBound
        var call = SequenceCall(
            function: resumes ? .resume : .decode, head: step.reads.isEmpty ? .state : rowTokens.head,
            recurrences: step.recurrences, start: start + step.rows.lowerBound,
            tokens: step.rows.map { draftedTokens[start + $0] }, depths: depths[step.rows].map(Int32.init),
            states: states.rows(step.rows), embeddings: resumes ? embeddings.rows(step.rows) : nil)
        if step.reads.count < step.rows.count { call.reads = .some(step.reads) }
        return call
    }

    /// The active positions that the next step computes and those of them that it reads out, by index.
    private var nextStep: (rows: Range<Int>, recurrences: Int, reads: [Int]) {
        // sampling.md, step L2.
        let waiting = waitingPositions
        if let pace, !pace.isDue, waiting < depths.count, waiting == 0 || mayWait {
            return (waiting..<depths.count, settings.innerRecurrence, [])
        }
        let recurrences = min(settings.innerRecurrence, settings.recurrence - depths[0])
        let reads = depths.indices.filter { settings.readsOut(atDepth: depths[$0] + recurrences) }
        return (depths.indices, recurrences, reads)
    }

    /// The number of oldest positions that a step without a read-out cannot compute. It would take the first ones to depth
    /// r, where they could not leave, and the others further than the positions before them.
    private var waitingPositions: Int {
        var limit = settings.recurrence - 1
        for (row, depth) in depths.enumerated() {
            if depth + settings.innerRecurrence <= limit { return row }
            limit = depth
        }
        return depths.count
    }

    /// Whether the oldest position can wait for a step without a chance that all positions together take more recurrences
    /// than autoregressive decoding: even if all drafts after it turn out to be wrong.
    private var mayWait: Bool {
        statistics.decoding.recurrences + settings.innerRecurrence
            <= settings.recurrence * (start - promptCount) + depths[0]
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
        if finishReason == nil { advance(hasReadOut: !call.readRows.isEmpty, changedDraft: record?.change != nil) }
        record?.frozen = tokens.count
        return StepOutcome(newTokens: Array(tokens[known...]), record: record)
    }

    private mutating func refine(_ result: ModelResult, of call: SequenceCall) throws -> StepRecord {
        let rows = call.start - start..<depths.count
        let reads = call.readRows
        let readOuts = try rowTokens.choose(reads, of: call, from: result, sequence: draftedTokens, step: 0)
        for row in rows { depths[row] += call.recurrences }
        let first = start
        let recurrences = [Int](repeating: settings.recurrence, count: first) + depths
        states.replaceRows(from: rows.lowerBound, with: result.states)
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
            step: statistics.steps - 1, start: first, frozen: tokens.count, tokens: draftedTokens,
            recurrences: recurrences, differences: [], change: change)
    }

    /// Compares read-outs with the draft, the oldest first: sampling.md, step L3. A call that reads out begins with the
    /// oldest active position.
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

    /// Drafts the next position if the draft was read out, and chooses the next step that reads out.
    private mutating func advance(hasReadOut: Bool, changedDraft: Bool) {
        guard hasReadOut else {
            pace?.skipStep()
            return
        }
        pace?.readOut(changedDraft: changedDraft)
        let enters = draftNextPosition()
        pace?.scheduleNext(positionEnters: enters)
    }

    /// Makes the position of the newest draft active, unless a token after it would be of no use or the draft is likely to
    /// change: sampling.md, step L5.
    /// - Returns: whether it became active.
    private mutating func draftNextPosition() -> Bool {
        let position = start + depths.count
        guard position == draftedTokens.count - 1,
            position + 1 < min(promptCount + generation.maxNewTokens, rowTokens.shape.context),
            depths.isEmpty
                || pace?.isUnsettled != true && generation.firstStop(in: draftedTokens, from: position) == nil
        else { return false }
        states.append(initialStates.states(.initialState, positions: position..<position + 1, step: 0))
        depths.append(0)
        return true
    }

    // MARK: Ends

    public mutating func cancel() {
        if finishReason == nil { finishReason = .cancelled }
    }
}
