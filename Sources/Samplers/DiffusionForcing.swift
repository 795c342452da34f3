import Runtime

/// Diffusion forcing: a wavefront of positions is refined together, a few recurrences a step, each step drafting one
/// position more while the oldest settle and become final (Algorithm 2 of arXiv 2510.14961).
///
/// In that algorithm's terms: T is ``draftedTokens``, F is `tokens.count`, c is ``start``, and S and E are the states
/// and prelude outputs of the active positions, from c on. Comments name the steps of docs/sampling.md (D0 … D6).
///
/// These invariants hold between calls, after the prefill:
/// - I1: the active positions start at c and end where T ends: c + S.rows = |T|.
/// - I2: the final tokens begin T: T[..<F] = ``tokens``.
/// - I3: the first active position holds a final token: c ≤ F − 1, and c = F − 1 after a freeze.
/// - I4: at most the wavefront limit, but at least one position is active.
/// - I5: ``recurrences`` and ``agreements`` have an element for every position of T.
public struct DiffusionForcing: SequenceSampler {
    public let settings: DiffusionSettings
    public let generation: GenerationSettings
    public let promptCount: Int
    public private(set) var tokens: [Int32]
    public private(set) var finishReason: FinishReason?
    public private(set) var statistics = SamplerStatistics()

    /// T: the final tokens, then the draft.
    public private(set) var draftedTokens: [Int32]
    /// c: the first position that is still refined.
    public private(set) var start: Int

    private let rowTokens: RowTokens
    private let initialStates: InitialStates
    private let wavefrontLimit: Int
    private var awaitsPrefill: Bool
    /// S: one row for each active position.
    private var states: Latents
    /// E: one row for each active position that the previous step computed. New positions have none yet.
    private var embeddings: Latents
    /// The number of recurrences of each position so far.
    private var recurrences: [Int]
    /// The number of steps that left each position's token unchanged.
    private var agreements: [Int]
    private var stepsWithoutFreeze = 0
    /// The number of generated tokens that outcomes have reported.
    private var reportedCount = 0

    /// - Throws: ``SettingError`` if a setting is out of range, ``SamplerError`` if the prompt does not fit the model.
    public init(
        prompt: [Int32], settings: DiffusionSettings = .init(), generation: GenerationSettings = .init(),
        shape: ModelShape
    ) throws {
        try settings.validate()
        try generation.validate(prompt: prompt, shape: shape)
        self.settings = settings
        self.generation = generation
        self.promptCount = prompt.count
        self.tokens = prompt
        self.draftedTokens = prompt
        self.rowTokens = RowTokens(settings: generation, promptCount: prompt.count, shape: shape)
        self.initialStates = InitialStates(shape, generation)
        self.wavefrontLimit = max(settings.maxWavefront, 2)
        self.awaitsPrefill = settings.prefill
        self.start = 0
        self.states = initialStates.states(.initialState, positions: 0..<prompt.count, step: 0)
        self.embeddings = Latents(width: shape.width)
        self.recurrences = [Int](repeating: 0, count: prompt.count)
        self.agreements = [Int](repeating: 0, count: prompt.count)
        if generation.maxNewTokens == 0 { finishReason = .length }
        if !settings.prefill, prompt.count > wavefrontLimit {
            throw SamplerError(
                "The prompt has \(prompt.count) tokens and the wavefront limit is \(settings.maxWavefront): without "
                    + "prefill the whole prompt is active at first, so raise the limit or use prefill.")
        }
    }

    // MARK: The next call

    public func nextCall() -> SequenceCall? {
        guard finishReason == nil else { return nil }
        if awaitsPrefill {
            return .prompt(
                tokens, head: rowTokens.head, recurrences: settings.recurrence, states: states,
                settleThreshold: generation.prefillThreshold)
        }
        return SequenceCall(
            function: .step, head: rowTokens.head, recurrences: settings.innerRecurrence, start: start,
            tokens: Array(draftedTokens[start..<start + states.rows]), states: states, step: stepInput())
    }

    private func stepInput() -> StepInput {
        let rows = states.rows
        let ema = settings.embeddingEMA
        // sampling.md, step D1. E starts as the prelude of the first T, so the first step averages nothing. A position
        // drafted later counts as E = 0 at first: its prelude output is merely scaled.
        let averages = ema > 0 && statistics.steps > 0
        var previous = embeddings
        previous.append(.zeros(rows: rows - embeddings.rows, width: embeddings.width))

        var stateOld = [Float](repeating: 1, count: rows)
        var stateNoise = [Float](repeating: 0, count: rows)
        var noise = Latents.zeros(rows: rows, width: states.width)
        if settings.stateNoise > 0 {
            noise = initialStates.states(.stateNoise, positions: start..<start + rows, step: statistics.steps)
            for row in 0..<rows { (stateOld[row], stateNoise[row]) = noiseShares(position: start + row) }
        }
        return StepInput(
            embeddings: previous, noise: noise,
            embeddingNew: [Float](repeating: averages ? 1 - ema : 1, count: rows),
            embeddingOld: [Float](repeating: averages ? ema : 0, count: rows), stateOld: stateOld,
            stateNoise: stateNoise)
    }

    /// The share of a position's state that stays, and the share of fresh noise (sampling.md, step D2).
    private func noiseShares(position: Int) -> (old: Float, new: Float) {
        let share: Float
        switch settings.noiseSchedule {
        case .dampened: share = settings.stateNoise / Float(1 + recurrences[position])
        case .constant: share = settings.stateNoise
        }
        switch settings.noiseForm {
        case .linear: return (1 - share, share)
        case .sqrt: return (max(0, 1 - share).squareRoot(), share.squareRoot())
        }
    }

    // MARK: The result

    public mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
        try rowTokens.requireStates(result, of: call)
        let record: StepRecord?
        if call.isPrompt {
            try finishPrefill(result, of: call)
            record = nil
        } else {
            record = try finishStep(result, of: call)
        }
        decideFinish()
        var outcome = StepOutcome(newTokens: [], record: record)
        if tokens.count > promptCount + reportedCount {
            outcome.newTokens = Array(tokens[(promptCount + reportedCount)...])
            reportedCount += outcome.newTokens.count
        }
        // A stop token takes back what was frozen after it.
        outcome.record?.frozen = tokens.count
        return outcome
    }

    /// sampling.md, step D0.
    private mutating func finishPrefill(_ result: ModelResult, of call: SequenceCall) throws {
        tokens += try rowTokens.choose(0..<1, of: call, from: result, sequence: tokens, step: 0)
        draftedTokens = tokens
        start = promptCount
        states = initialStates.states(.initialState, positions: start..<start + 1, step: 0)
        recurrences = [Int](repeating: settings.recurrence, count: tokens.count)
        agreements = [Int](repeating: 0, count: tokens.count)
        awaitsPrefill = false
        statistics.count(call)
    }

    private mutating func finishStep(_ result: ModelResult, of call: SequenceCall) throws -> StepRecord {
        let rows = call.tokens.count
        let width = rowTokens.shape.width
        try rowTokens.requireCount(result.embeddings.values.count, rows * width, "prelude output elements")
        try rowTokens.requireCount(result.differences.count, rows, "state changes")
        if let row = result.differences.firstIndex(where: { $0.isNaN }) {
            throw rowTokens.notNumbers("state", position: start + row)
        }
        // sampling.md, step D4.
        let firstRow = max(tokens.count - 1 - start, 0)
        let draft = try rowTokens.choose(
            firstRow..<rows, of: call, from: result, sequence: draftedTokens, step: statistics.steps,
            following: true)

        // sampling.md, step D3: the call has run the recurrences.
        for position in start..<start + rows { recurrences[position] += settings.innerRecurrence }
        states = result.states
        embeddings = result.embeddings
        advance(draft: draft)
        let computed = start..<start + rows
        freeze(result.differences)
        statistics.count(call)
        return StepRecord(
            step: statistics.steps - 1, start: computed.lowerBound, frozen: tokens.count, tokens: draftedTokens,
            recurrences: Array(recurrences[..<computed.upperBound]), differences: result.differences)
    }

    /// Replaces the draft, which ends one position later than before, and adds positions up to the headway as far as
    /// the wavefront limit and the context allow (sampling.md, step D5). At the limit the wavefront stands: the newest
    /// draft token is dropped.
    private mutating func advance(draft: [Int32]) {
        let rows = states.rows
        let previous = draftedTokens
        let growth = min(settings.headway, wavefrontLimit - rows, rowTokens.shape.context - (start + rows))
        let end = start + rows + growth
        draftedTokens = Array((tokens + draft).prefix(end))
        while draftedTokens.count < end {
            let token = rowTokens.random.integer(
                below: rowTokens.shape.vocabulary, .headwayToken, position: draftedTokens.count,
                step: statistics.steps)
            draftedTokens.append(Int32(token))
        }
        for position in 0..<min(previous.count, end) where previous[position] == draftedTokens[position] {
            agreements[position] += 1
        }

        if settings.warmStart {
            // The last h states in order; if there are fewer, the oldest of them more than once.
            for index in 0..<growth {
                let source = max(rows - settings.headway + index, 0)
                states.append(states.rows(source..<source + 1))
            }
        } else {
            states.append(initialStates.states(.initialState, positions: start + rows..<end, step: 0))
        }
        let missing = max(end - recurrences.count, 0)
        recurrences += [Int](repeating: 0, count: missing)
        agreements += [Int](repeating: 0, count: missing)
    }

    /// Makes draft tokens final by the freeze rule and drops the states before the last final one, whose state stays
    /// active because it still predicts the token after it (sampling.md, step D6).
    private mutating func freeze(_ differences: [Float]) {
        let settledAfter = settings.recurrence / settings.innerRecurrence
        let end: Int?
        switch settings.freezeRule {
        case .latentDiff:
            end = differences.lastIndex { $0 < settings.exitThreshold }.map { start + $0 + 1 }
        case .tokenStability:
            end = draftedTokens.indices[start...].last { agreements[$0] > settledAfter }.map { $0 + 1 }
        case .fixed:
            end = statistics.steps > settledAfter ? tokens.count + 1 : nil
        }
        stepsWithoutFreeze += 1
        guard let end = end.map({ min($0, draftedTokens.count) }) else { return }
        let newStart = end - 1
        if end != tokens.count || newStart != start { stepsWithoutFreeze = 0 }
        tokens = Array(draftedTokens[..<end])
        states.removeFirst(newStart - start)
        embeddings.removeFirst(min(newStart - start, embeddings.rows))
        start = newStart
    }

    // MARK: Ends

    private mutating func decideFinish() {
        if let stop = generation.firstStop(in: tokens, from: promptCount + reportedCount) {
            tokens.removeSubrange((stop + 1)...)
            finishReason = .stop
        } else if tokens.count - promptCount >= generation.maxNewTokens {
            finishReason = .length
        } else if draftedTokens.count >= rowTokens.shape.context {
            finishReason = .context
        } else if stepsWithoutFreeze >= settings.stallLimit {
            finishReason = .stalled
        }
    }

    public mutating func cancel() {
        if finishReason == nil { finishReason = .cancelled }
    }
}
