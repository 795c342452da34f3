import Runtime

/// The settings of adaptive depth, in addition to ``GenerationSettings``.
public struct AdaptiveSettings: Hashable, Sendable, Codable {
    /// r, the maximum number of recurrences of a position.
    public var recurrence = 32
    /// The rule that ends a position's recurrences.
    public var criterion: ExitCriterion
    /// The threshold of the criterion's value.
    public var exitThreshold: Float
    /// The number of recurrences that every position gets, whatever the criterion says.
    public var minRecurrence = 1
    /// The number of recurrences from one check to the next.
    public var checkEvery = 1
    /// Whether a generated position starts from the state that its predecessor ended with instead of a fresh one.
    public var warmStart = false
    /// Whether a position whose token has been read out gets the rest of its r recurrences all the same, so that later
    /// positions find keys and values of every recurrence. Published code of models whose recurrences do not share
    /// entries does this. It saves no work.
    public var completesDepth = false

    /// Settings with the criterion's default threshold.
    public init(criterion: ExitCriterion = .latentDiff) {
        self.criterion = criterion
        exitThreshold = criterion.defaultThreshold
    }

    /// - Throws: ``SettingError`` naming the setting out of its range.
    public func validate() throws {
        try checkSetting("recurrence", recurrence, atLeast: 1)
        try checkSetting("exit threshold", exitThreshold, in: 0...Float.infinity)
        try checkSetting("minimum recurrence", minRecurrence, atLeast: 1)
        try checkSetting("number of recurrences from check to check", checkEvery, atLeast: 1)
        guard !criterion.readsGate || checkEvery == 1 else {
            throw SettingError(
                "The criterion \(criterion.rawValue) adds up a probability for each recurrence, so it has to be checked "
                    + "after every recurrence and not after every \(checkEvery).")
        }
        guard minRecurrence <= recurrence else {
            throw SettingError(
                "The minimum recurrence is \(minRecurrence), more than the recurrence of \(recurrence), which is the "
                    + "maximum.")
        }
    }
}

/// Autoregressive decoding in which a criterion ends the recurrences of each position early. The prompt counts as one
/// position. Comments name the steps of docs/sampling.md.
public struct Adaptive: SequenceSampler {
    public let settings: AdaptiveSettings
    public let generation: GenerationSettings
    public let promptCount: Int
    public private(set) var tokens: [Int32]
    public private(set) var finishReason: FinishReason?
    public private(set) var statistics = SamplerStatistics()

    /// The recurrences of each position so far.
    public private(set) var depths: [Int]
    /// The criterion's value at each check of the newest position, or of the prompt.
    public private(set) var checkedValues: [Float] = []

    private let rowTokens: RowTokens
    private let initialStates: InitialStates
    /// The first position being computed: 0 for the prompt.
    private var start = 0
    /// The states of the positions being computed, and the prelude's output; nil before their first call.
    private var states: Latents
    private var embeddings: Latents?
    /// The logits of the newest check; nil before the first, or if the criterion does not read them.
    private var logits: [Float]?
    /// Whether the criterion has ended the recurrences, so that only the token is missing.
    private var hasSettled = false
    /// Whether the token of the positions has been read out, and only the rest of their recurrences is missing.
    private var isCompleting = false

    /// - Throws: ``SettingError`` if a setting is out of range, ``SamplerError`` if the prompt does not fit the model.
    public init(
        prompt: [Int32], settings: AdaptiveSettings = .init(), generation: GenerationSettings = .init(),
        shape: ModelShape
    ) throws {
        try settings.validate()
        try generation.validate(prompt: prompt, shape: shape)
        self.settings = settings
        self.generation = generation
        promptCount = prompt.count
        tokens = prompt
        depths = [Int](repeating: 0, count: prompt.count)
        rowTokens = RowTokens(settings: generation, promptCount: prompt.count, shape: shape)
        initialStates = InitialStates(shape, generation)
        states = initialStates.states(.initialState, positions: 0..<prompt.count, step: 0)
        if generation.maxNewTokens == 0 { finishReason = .length }
    }

    // MARK: The next call

    public func nextCall() -> SequenceCall? {
        guard finishReason == nil else { return nil }
        let depth = depths[start]
        if isCompleting { return completion(depth) }
        let recurrences = hasSettled ? 0 : min(settings.checkEvery, settings.recurrence - depth)
        let head: RaggedCall.Head =
            if settings.criterion.readsLogits {
                .logits
            } else {
                hasSettled || depth + recurrences == settings.recurrence ? rowTokens.head : .state
            }
        var call = SequenceCall(
            function: embeddings == nil ? (start == 0 ? .prefill : .decode) : .resume, head: head,
            recurrences: recurrences, start: start, tokens: Array(tokens[start...]),
            depths: [Int32](repeating: Int32(depth), count: states.rows), states: states, embeddings: embeddings)
        call.isPrompt = start == 0
        return call
    }

    /// The rest of the recurrences of positions whose token is known.
    private func completion(_ depth: Int) -> SequenceCall {
        var call = SequenceCall(
            function: .resume, head: .state, recurrences: settings.recurrence - depth, start: start,
            tokens: Array(tokens[start..<start + states.rows]),
            depths: [Int32](repeating: Int32(depth), count: states.rows), states: states, embeddings: embeddings)
        call.isPrompt = start == 0
        return call
    }

    // MARK: The result

    public mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
        try rowTokens.requireStates(result, of: call)
        if isCompleting {
            states = result.states
            statistics.count(call, endsStep: false)
            startPosition()
            return StepOutcome(newTokens: [])
        }
        if call.function != .resume {
            try rowTokens.requireCount(
                result.embeddings.values.count, call.states.values.count, "prelude output elements")
            embeddings = result.embeddings
        }
        for position in start..<tokens.count { depths[position] += call.recurrences }
        if call.recurrences > 0 { try check(result, of: call) }
        states = result.states
        let isLast = hasSettled && call.head != .state
        statistics.count(call, endsStep: isLast)
        return isLast ? try finishPosition(result, of: call) : StepOutcome(newTokens: [])
    }

    /// sampling.md, step V2.
    private mutating func check(_ result: ModelResult, of call: SequenceCall) throws {
        var check = ExitCheck(
            states: result.states, previousStates: call.states, previousLogits: logits,
            previousValue: checkedValues.last, exitGate: result.exitGates.last)
        if settings.criterion.readsLogits {
            try rowTokens.requireCount(
                result.logits.values.count, call.tokens.count * rowTokens.shape.vocabulary, "logits")
            check.logits = Array(result.logits.values.suffix(rowTokens.shape.vocabulary))
            logits = check.logits
        }
        let value = settings.criterion.value(of: check)
        checkedValues.append(value)
        let depth = depths[start]
        hasSettled =
            depth == settings.recurrence
            || depth >= settings.minRecurrence
                && settings.criterion.isMet(value, threshold: settings.exitThreshold)
    }

    /// sampling.md, step V3.
    private mutating func finishPosition(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
        let last = call.tokens.count - 1
        let chosen = try rowTokens.choose(last..<last + 1, of: call, from: result, sequence: tokens, step: 0)
        var outcome = StepOutcome(newTokens: chosen)
        tokens += chosen
        if start > 0 {
            outcome.record = StepRecord(
                step: statistics.steps - 1, start: start, frozen: tokens.count, tokens: tokens, recurrences: depths,
                differences: checkedValues)
        }
        finishReason = generation.finishReason(
            after: tokens, promptCount: promptCount, context: rowTokens.shape.context)
        if finishReason == nil {
            isCompleting = settings.completesDepth && depths[start] < settings.recurrence
            if !isCompleting { startPosition() }
        }
        return outcome
    }

    /// sampling.md, step V1: the position of the newest token.
    private mutating func startPosition() {
        start = tokens.count - 1
        states =
            settings.warmStart
            ? states.rows(states.rows - 1..<states.rows)
            : initialStates.states(.initialState, positions: start..<start + 1, step: 0)
        depths.append(0)
        embeddings = nil
        logits = nil
        checkedValues = []
        hasSettled = false
        isCompleting = false
    }

    public mutating func cancel() {
        if finishReason == nil { finishReason = .cancelled }
    }
}
