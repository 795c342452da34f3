import Runtime

/// A sequence being generated, as a state machine: it says which rows to evaluate next and receives their results.
/// It does not depend on other sequences, so a driver (``Generation``) can put the rows of many into one call.
///
///     while let call = sampler.nextCall() {
///         let outcome = try sampler.receive(evaluate(call), of: call)
///         print(outcome.newTokens)
///     }
public protocol SequenceSampler: Sendable {
    /// The prompt's length in tokens.
    var promptCount: Int { get }
    /// The prompt and the generated tokens that are final.
    var tokens: [Int32] { get }
    /// The reason why the generation ended; nil while it goes on.
    var finishReason: FinishReason? { get }
    var statistics: SamplerStatistics { get }

    /// The rows to evaluate next, or nil if the generation has ended. Without a new result the call is the same.
    func nextCall() -> SequenceCall?

    /// Takes the results of the rows of `call`, which has to be the one that ``nextCall()`` returned last.
    /// - Throws: ``SamplerError`` if the results cannot be used, such as logits that are not numbers.
    mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome

    /// Ends the generation and keeps the final tokens.
    mutating func cancel()
}

extension SequenceSampler {
    /// The final tokens beyond the prompt.
    public var generated: [Int32] { Array(tokens.dropFirst(promptCount)) }
}

/// The reason why a generation ended.
public enum FinishReason: String, Hashable, Sendable, Codable {
    /// A stop token was generated; it is the last token.
    case stop
    /// The requested number of tokens was reached.
    case length
    /// The sequence, draft included, fills the model's context.
    case context
    /// No position became final for ``DiffusionSettings/stallLimit`` steps.
    case stalled
    case cancelled
}

/// A call for the rows of one sequence at consecutive positions: a ``RaggedCall`` without a slot.
///
/// It says the least that the sampler needs. The driver may evaluate the rows by a function that computes more, so that
/// sequences with different needs share a call.
public struct SequenceCall: Hashable, Sendable {
    /// The rows whose results a sampler uses.
    public enum Reads: Hashable, Sendable {
        /// The states and read-outs of all rows.
        case every
        /// The states of all rows, and the read-outs of the rows with these indices. Read-outs of others are undefined.
        case some([Int])
        /// The state and read-out of the last row alone: the result has one row. The driver may evaluate such a call in
        /// pieces, as ``PromptPieces`` does.
        case last
    }

    public var function: RaggedCall.Function
    public var head: RaggedCall.Head
    /// The number of recurrences of the core for every row.
    public var recurrences: Int
    /// The position of the first row.
    public var start: Int
    /// One token for each row, also for `resume`, which another function may stand in for.
    public var tokens: [Int32]
    /// The recurrences that each row has had since it last started. They do not rise from row to row.
    public var depths: [Int32]
    /// The states before the call (rows, width).
    public var states: Latents
    /// The prelude's outputs in an earlier call (rows, width), for `resume`; nil for other functions.
    public var embeddings: Latents?
    /// The additional inputs of `step`; nil for other functions.
    public var step: StepInput?
    public var reads = Reads.every
    /// Whether the rows are a prompt. Calls for a prompt are not steps of the sampler.
    public var isPrompt = false
    /// The relative change of a state over one recurrence below which a position of a prompt has settled and leaves
    /// the call; nil if all rows have all recurrences. Only for a call with ``Reads/last``.
    public var settleThreshold: Float?

    public init(
        function: RaggedCall.Function, head: RaggedCall.Head, recurrences: Int, start: Int, tokens: [Int32],
        depths: [Int32]? = nil, states: Latents, embeddings: Latents? = nil, step: StepInput? = nil
    ) {
        self.function = function
        self.head = head
        self.recurrences = recurrences
        self.start = start
        self.tokens = tokens
        self.depths = depths ?? [Int32](repeating: 0, count: tokens.count)
        self.states = states
        self.embeddings = embeddings
        self.step = step
    }

    /// The prefill of a whole prompt, of which the sampler uses the last row's result.
    static func prompt(
        _ tokens: [Int32], head: RaggedCall.Head, recurrences: Int, states: Latents, settleThreshold: Float?
    ) -> SequenceCall {
        var call = SequenceCall(
            function: .prefill, head: head, recurrences: recurrences, start: 0, tokens: tokens, states: states)
        call.reads = .last
        call.isPrompt = true
        call.settleThreshold = settleThreshold
        return call
    }

    /// The rows whose read-outs the sampler uses, by index.
    var readRows: [Int] {
        guard head != .state else { return [] }
        return switch reads {
        case .every: Array(tokens.indices)
        case .some(let rows): rows
        case .last: [tokens.count - 1]
        }
    }
    /// The number of rows of the result.
    var resultRows: Int { reads == .last ? min(1, tokens.count) : tokens.count }
    /// The position of the result's first row.
    var resultStart: Int { start + tokens.count - resultRows }
}

/// The change that one result made.
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

/// A sequence after a step: one entry of a trace. Encodes to JSON.
public struct StepRecord: Hashable, Sendable, Codable {
    /// The number of the step, from 0. The prefill is not a step.
    public var step: Int
    /// The first position that was active in the step (c).
    public var start: Int
    /// The number of final tokens after the step (F).
    public var frozen: Int
    /// The final tokens and the draft after the step (T).
    public var tokens: [Int32]
    /// The number of recurrences of each position so far, from position 0 to the last that the step computed.
    public var recurrences: [Int]
    /// δ of the positions that the step computed, `start` first; the values of a criterion of adaptive depth, check by
    /// check; empty for other samplers.
    public var differences: [Float]
    /// The draft that the step changed; nil if none changed, and for samplers that do not correct single drafts.
    public var change: DraftChange?

    public init(
        step: Int, start: Int, frozen: Int, tokens: [Int32], recurrences: [Int], differences: [Float],
        change: DraftChange? = nil
    ) {
        self.step = step
        self.start = start
        self.frozen = frozen
        self.tokens = tokens
        self.recurrences = recurrences
        self.differences = differences
        self.change = change
    }
}

/// The correction of one draft token by a later read-out. The positions that had read the old token start anew.
public struct DraftChange: Hashable, Sendable, Codable {
    /// The position of the token.
    public var position: Int
    public var old: Int32
    public var new: Int32
    /// The number of active positions that were dropped: those from `position` on.
    public var dropped: Int

    public init(position: Int, old: Int32, new: Int32, dropped: Int) {
        self.position = position
        self.old = old
        self.new = new
        self.dropped = dropped
    }
}

/// The passes over the parts of a model, each counted once for any number of rows.
public struct PassCounts: Hashable, Sendable, Codable {
    public var preludes = 0
    /// Passes over the core.
    public var recurrences = 0
    public var codas = 0

    public init() {}

    mutating func count(_ call: SequenceCall) {
        if call.function != .resume { preludes += 1 }
        recurrences += call.recurrences
        if call.head != .state { codas += 1 }
    }
}

/// The cost of a generation.
public struct SamplerStatistics: Hashable, Sendable, Codable {
    /// Passes of the sampler's loop, without the prefill.
    public var steps = 0
    /// The passes of the prefill. One that is divided into pieces counts as a whole.
    public var prefill = PassCounts()
    /// The passes of all steps.
    public var decoding = PassCounts()
    /// Rows that went through the prelude, including those of the prefill.
    public var tokensForwarded = 0
    /// The tokens that entered as drafts; nil for samplers other than the lossless wavefront and self-speculation.
    public var drafts: Int?
    /// The drafts that were changed later, so that positions after them started anew; nil as `drafts`.
    public var restarts: Int?

    /// Recurrences of the core, each counted once for any number of rows, including those of the prefill.
    public var recurrences: Int { prefill.recurrences + decoding.recurrences }

    /// - Parameter endsStep: whether the call is the last of its step.
    mutating func count(_ call: SequenceCall, endsStep: Bool = true) {
        if endsStep, !call.isPrompt { steps += 1 }
        if call.isPrompt { prefill.count(call) } else { decoding.count(call) }
        if call.function != .resume { tokensForwarded += call.tokens.count }
    }
}

/// The settings that all samplers share.
public struct GenerationSettings: Hashable, Sendable, Codable {
    /// The number of tokens after which the generation ends. Diffusion forcing may freeze several tokens in a step and
    /// keeps all of the last step, so it may return a few more.
    public var maxNewTokens = 256
    /// Tokens that end the generation when they are generated and final.
    public var stopTokens: [Int32] = []
    /// Whether the generation goes on after stop tokens.
    public var ignoreStopTokens = false
    /// The scale of the random initial states; see ``InitialStates``.
    public var initScale: Float = 1
    /// The rules by which tokens are chosen from logits.
    public var choice = TokenChoice.greedy
    /// The rules that forbid tokens or demand one.
    public var rules = TokenRules()
    /// The seed of all random numbers; see ``CounterRandom``.
    public var seed: UInt64 = 0
    /// The relative change of a state over one recurrence below which a position of the prompt has settled and takes no
    /// more recurrences; nil if every position takes all of them.
    public var prefillThreshold: Float?

    public init() {}

    /// - Throws: ``SettingError`` naming the first setting out of its range.
    public func validate() throws {
        try checkSetting("number of new tokens", maxNewTokens, atLeast: 0)
        try checkSetting("init scale", initScale, in: 0...Float.infinity)
        if let prefillThreshold { try checkSetting("prefill threshold", prefillThreshold, in: 0...Float.infinity) }
        try choice.validate()
        try rules.validate()
    }

    /// Checks a prompt against a model, and these settings.
    /// - Throws: ``SettingError`` if a setting is out of its range, ``SamplerError`` if the prompt is empty, holds a token
    ///   that the model lacks, or fills the context.
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

    /// The reason to end after the newest of the final tokens; nil if generation goes on.
    func finishReason(after tokens: [Int32], promptCount: Int, context: Int) -> FinishReason? {
        if firstStop(in: tokens, from: tokens.count - 1) != nil { return .stop }
        if tokens.count - promptCount >= maxNewTokens { return .length }
        return tokens.count >= context ? .context : nil
    }

    /// The index of the first stop token from `start` on.
    func firstStop(in tokens: [Int32], from start: Int) -> Int? {
        guard !ignoreStopTokens, start < tokens.count else { return nil }
        return tokens[start...].firstIndex(where: stopTokens.contains)
    }
}
