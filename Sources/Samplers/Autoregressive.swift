import Runtime

/// The settings of the autoregressive sampler, in addition to ``GenerationSettings``.
public struct AutoregressiveSettings: Hashable, Sendable, Codable {
    /// r: the recurrences of every position. With 0 the coda reads the initial state itself, so that a token depends on
    /// what precedes it only through the coda's attention.
    public var recurrence = 32
    /// Whether a generated position starts from the state that its predecessor ended with instead of a fresh one.
    public var warmStart = false

    public init() {}

    /// - Throws: ``SettingError`` naming the setting out of its range.
    public func validate() throws {
        try checkSetting("recurrence", recurrence, atLeast: 0)
    }
}

/// The autoregressive sampler: one token after another at the same depth. The prompt is one call, then each token is a
/// call of one row. Comments name the steps of docs/sampling.md.
public struct Autoregressive: SequenceSampler {
    public let settings: AutoregressiveSettings
    public let generation: GenerationSettings
    public let promptCount: Int
    public private(set) var tokens: [Int32]
    public private(set) var finishReason: FinishReason?
    public private(set) var statistics = SamplerStatistics()

    private let rowTokens: RowTokens
    private let initialStates: InitialStates
    /// The state that the newest evaluated position ended with, one row; nil before the prefill.
    private var lastState: Latents?

    /// - Throws: ``SettingError`` if a setting is out of range, ``SamplerError`` if the prompt does not fit the model.
    public init(
        prompt: [Int32], settings: AutoregressiveSettings = .init(), generation: GenerationSettings = .init(),
        shape: ModelShape
    ) throws {
        try settings.validate()
        try generation.validate(prompt: prompt, shape: shape)
        self.settings = settings
        self.generation = generation
        self.promptCount = prompt.count
        self.tokens = prompt
        self.rowTokens = RowTokens(settings: generation, promptCount: prompt.count, shape: shape)
        self.initialStates = InitialStates(shape, generation)
        if generation.maxNewTokens == 0 { finishReason = .length }
    }

    public func nextCall() -> SequenceCall? {
        guard finishReason == nil else { return nil }
        // sampling.md, step A1.
        guard let lastState else {
            return .prompt(
                tokens, head: rowTokens.head, recurrences: settings.recurrence,
                states: initialStates.states(.initialState, positions: 0..<tokens.count, step: 0),
                settleThreshold: generation.prefillThreshold)
        }
        // sampling.md, step A2.
        let position = tokens.count - 1
        return SequenceCall(
            function: .decode, head: rowTokens.head, recurrences: settings.recurrence, start: position,
            tokens: [tokens[position]],
            states: settings.warmStart
                ? lastState : initialStates.states(.initialState, positions: position..<position + 1, step: 0))
    }

    public mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
        try rowTokens.requireStates(result, of: call)
        let chosen = try rowTokens.choose(0..<1, of: call, from: result, sequence: tokens, step: 0)
        lastState = result.states
        tokens += chosen
        statistics.count(call)

        if let reason = generation.finishReason(
            after: tokens, promptCount: promptCount, context: rowTokens.shape.context)
        {
            finishReason = reason
        }
        guard !call.isPrompt else { return StepOutcome(newTokens: chosen) }
        let record = StepRecord(
            step: statistics.steps - 1, start: call.start, frozen: tokens.count, tokens: tokens,
            recurrences: [Int](repeating: settings.recurrence, count: tokens.count - 1), differences: [])
        return StepOutcome(newTokens: chosen, record: record)
    }

    public mutating func cancel() {
        if finishReason == nil { finishReason = .cancelled }
    }
}
