import Runtime

/// One sequence being generated, as a state machine: it says which rows to evaluate next and is given their results.
/// Nothing in it depends on the sequences beside it, so a driver (``Generation``) can put the rows of many into one call.
public protocol SequenceSampler: Sendable {
    /// The prompt's length in tokens.
    var promptCount: Int { get }
    /// The prompt and the generated tokens that are final.
    var tokens: [Int32] { get }
    /// Why generation ended; nil while it goes on.
    var finishReason: FinishReason? { get }
    var statistics: SamplerStatistics { get }

    /// The rows to evaluate next, or nil when generation has ended. Asking again without a result gives the same call.
    func nextCall() -> SequenceCall?

    /// Takes the results of the rows of `call`, which has to be what ``nextCall()`` gave since the last result.
    /// - Throws: ``SamplerError`` when the results cannot be used, such as logits that are not numbers.
    mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome

    /// Ends generation, keeping what is final.
    mutating func cancel()
}

extension SequenceSampler {
    /// The final tokens beyond the prompt.
    public var generated: [Int32] { Array(tokens.dropFirst(promptCount)) }
}

/// Why a generation ended.
public enum FinishReason: String, Hashable, Sendable, Codable {
    /// A stop token was generated; it is the last token.
    case stop
    /// As many tokens as were asked for.
    case length
    /// The sequence, draft included, fills the model's context.
    case context
    /// No position became final for so many steps that none is expected to.
    case stalled
    case cancelled
}

/// Rows of one sequence at consecutive positions: a ``RaggedCall`` before it has a slot.
public struct SequenceCall: Hashable, Sendable {
    public var function: RaggedCall.Function
    public var head: RaggedCall.Head
    /// How often the core runs on every row.
    public var recurrences: Int
    /// The position of the first row.
    public var start: Int
    /// One token a row.
    public var tokens: [Int32]
    /// (rows, width)
    public var states: Latents
    /// For `step` only.
    public var step: StepInput?

    public init(
        function: RaggedCall.Function, head: RaggedCall.Head, recurrences: Int, start: Int, tokens: [Int32],
        states: Latents, step: StepInput? = nil
    ) {
        self.function = function
        self.head = head
        self.recurrences = recurrences
        self.start = start
        self.tokens = tokens
        self.states = states
        self.step = step
    }
}

/// What one result changed.
public struct StepOutcome: Hashable, Sendable {
    /// The generated tokens that became final, in order.
    public var newTokens: [Int32]
    /// The sampler's state after the step; nil after a prefill, which is not a step.
    public var record: StepRecord?

    public init(newTokens: [Int32], record: StepRecord? = nil) {
        self.newTokens = newTokens
        self.record = record
    }
}

/// One line of a trace: a sequence after a step. Encodes to JSON.
public struct StepRecord: Hashable, Sendable, Codable {
    /// Steps count from 0; the prefill is none.
    public var step: Int
    /// The first position that the step computed (c).
    public var start: Int
    /// How many tokens are final after the step (F).
    public var frozen: Int
    /// The final tokens and the draft after the step (T).
    public var tokens: [Int32]
    /// How many recurrences each position has had, from position 0 to the last that the step computed.
    public var recurrences: [Int]
    /// δ of the positions that the step computed, `start` first; empty for samplers that have none.
    public var differences: [Float]

    public init(
        step: Int, start: Int, frozen: Int, tokens: [Int32], recurrences: [Int], differences: [Float]
    ) {
        self.step = step
        self.start = start
        self.frozen = frozen
        self.tokens = tokens
        self.recurrences = recurrences
        self.differences = differences
    }
}

/// What a generation cost.
public struct SamplerStatistics: Hashable, Sendable, Codable {
    /// Passes of the sampler's loop; the prefill is none.
    public var steps = 0
    /// Recurrences of the core, whatever their number of rows, the prefill's included.
    public var recurrences = 0
    /// Rows that went through the model, the prefill's included.
    public var tokensForwarded = 0

    mutating func count(_ call: SequenceCall) {
        if call.function != .prefill { steps += 1 }
        recurrences += call.recurrences
        tokensForwarded += call.tokens.count
    }
}

/// What every sampler is told.
public struct GenerationSettings: Hashable, Sendable, Codable {
    /// Ends the generation after this many tokens. The parallel sampler freezes several tokens a step and keeps all of
    /// the step that reaches the number, so that it may return a few more.
    public var maxNewTokens = 256
    /// Tokens that end the generation when they are generated and final.
    public var stopTokens: Set<Int32> = []
    /// Goes on after stop tokens.
    public var ignoreStopTokens = false
    /// Multiplies the random initial states; see ``InitialStates``.
    public var initScale: Float = 1
    /// How tokens are chosen from logits.
    public var choice = TokenChoice.greedy
    /// Of everything random, see ``CounterRandom``.
    public var seed: UInt64 = 0

    public init() {}

    /// - Throws: ``SamplerError`` naming the first setting out of its range.
    public func validate() throws {
        try checkSetting("number of new tokens", maxNewTokens, atLeast: 0)
        try checkSetting("init scale", initScale, in: 0...Float.infinity)
        try choice.validate()
    }

    /// Checks a prompt against a model, and these settings.
    /// - Throws: ``SamplerError`` when it is empty, holds a token that the model lacks, or fills the context.
    func validate(prompt: [Int32], shape: ModelShape) throws {
        try validate()
        guard !prompt.isEmpty else { throw SamplerError("The prompt is empty; it needs at least one token.") }
        if let index = prompt.firstIndex(where: { $0 < 0 || Int($0) >= shape.vocabulary }) {
            throw SamplerError(
                "Token \(index) of the prompt is \(prompt[index]); the model's tokens are 0 to \(shape.vocabulary - 1)."
            )
        }
        guard prompt.count < shape.context else {
            throw SamplerError(
                "The prompt has \(prompt.count) tokens and the model's context is \(shape.context); "
                    + "a prompt has to leave room for at least one more token.")
        }
    }

    /// The index of the first stop token from `start` on.
    func firstStop(in tokens: [Int32], from start: Int) -> Int? {
        guard !ignoreStopTokens, start < tokens.count else { return nil }
        return tokens[start...].firstIndex(where: stopTokens.contains)
    }
}
