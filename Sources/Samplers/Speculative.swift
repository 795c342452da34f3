import Foundation
import Runtime

/// The settings of self-speculative decoding, in addition to ``GenerationSettings``.
public struct SpeculativeSettings: Hashable, Sendable, Codable {
    /// r, the recurrences after which a token is verified.
    public var recurrence = 32
    /// D, the recurrences of a draft.
    public var draftRecurrence = 4
    /// L, the number of tokens that are drafted before they are verified in one call.
    public var lookahead = 4
    /// 1 accepts only the verifier's own token. A smaller number t also accepts a token whose probability at full depth
    /// is at least t times the largest.
    public var acceptThreshold: Float = 1

    public init() {}

    /// - Throws: ``SettingError`` naming the setting out of its range.
    public func validate() throws {
        try checkSetting("recurrence", recurrence, atLeast: 1)
        try checkSetting("draft recurrence", draftRecurrence, atLeast: 1)
        guard draftRecurrence <= recurrence else {
            throw SettingError(
                "The draft recurrence is \(draftRecurrence), more than the verifier's recurrence of \(recurrence).")
        }
        try checkSetting("lookahead", lookahead, atLeast: 1)
        try checkSetting("accept threshold", acceptThreshold, in: 0...1)
    }
}

/// Self-speculative decoding: the model drafts tokens with few recurrences, and verifies them all in one call with all
/// recurrences. Comments name the steps of docs/sampling.md.
///
/// Drafts and verifier share the caches, which keep an entry per recurrence: recurrence t of a draft is recurrence t of
/// autoregressive decoding, as long as the tokens before it are accepted. So the verifier continues from the states of
/// the drafts.
public struct Speculative: SequenceSampler {
    public let settings: SpeculativeSettings
    public let generation: GenerationSettings
    public let promptCount: Int
    public private(set) var tokens: [Int32]
    public private(set) var finishReason: FinishReason?
    public private(set) var statistics = SamplerStatistics()

    private let rowTokens: RowTokens
    private let initialStates: InitialStates
    private var awaitsPrefill = true
    /// The drafted tokens after the final ones.
    private var drafts: [Int32] = []
    /// The states and prelude outputs of the positions that predicted the drafts, after D recurrences.
    private var states: Latents
    private var embeddings: Latents

    /// - Throws: ``SettingError`` if a setting is out of range, ``SamplerError`` if the prompt does not fit the model.
    public init(
        prompt: [Int32], settings: SpeculativeSettings = .init(), generation: GenerationSettings = .init(),
        shape: ModelShape
    ) throws {
        try settings.validate()
        try generation.validate(prompt: prompt, shape: shape)
        self.settings = settings
        self.generation = generation
        promptCount = prompt.count
        tokens = prompt
        rowTokens = RowTokens(settings: generation, promptCount: prompt.count, shape: shape)
        initialStates = InitialStates(shape, generation)
        states = Latents(width: shape.width)
        embeddings = Latents(width: shape.width)
        (statistics.drafts, statistics.restarts) = (0, 0)
        if generation.maxNewTokens == 0 { finishReason = .length }
    }

    // MARK: The next call

    public func nextCall() -> SequenceCall? {
        guard finishReason == nil else { return nil }
        // sampling.md, step S1.
        if awaitsPrefill {
            return .prompt(
                tokens, head: rowTokens.head, recurrences: settings.recurrence,
                states: initialStates.states(.initialState, positions: 0..<promptCount, step: 0),
                settleThreshold: generation.prefillThreshold)
        }
        // sampling.md, step S2.
        if drafts.count < maxDrafts, generation.firstStop(in: drafts, from: 0) == nil {
            let position = tokens.count + drafts.count - 1
            return SequenceCall(
                function: .decode, head: rowTokens.head, recurrences: settings.draftRecurrence, start: position,
                tokens: [drafts.last ?? tokens[position]],
                states: initialStates.states(.initialState, positions: position..<position + 1, step: 0))
        }
        // sampling.md, step S3.
        return SequenceCall(
            function: .resume, head: settings.acceptThreshold < 1 ? .logits : rowTokens.head,
            recurrences: settings.recurrence - settings.draftRecurrence, start: tokens.count - 1,
            tokens: [tokens[tokens.count - 1]] + drafts.dropLast(),
            depths: drafts.map { _ in Int32(settings.draftRecurrence) }, states: states, embeddings: embeddings)
    }

    /// The maximum number of drafts of this step: no more than were asked for, fit the context and fit a call.
    private var maxDrafts: Int {
        let room = min(promptCount + generation.maxNewTokens, rowTokens.shape.context) - tokens.count
        return min(settings.lookahead, rowTokens.shape.maxRows, room)
    }

    // MARK: The result

    public mutating func receive(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
        try rowTokens.requireStates(result, of: call)
        statistics.count(call, endsStep: call.function == .resume)
        if call.function == .resume { return try verify(result, of: call) }
        let chosen = try rowTokens.choose(0..<1, of: call, from: result, sequence: tokens + drafts, step: 0)
        if awaitsPrefill {
            awaitsPrefill = false
            return finish(chosen)
        }
        try rowTokens.requireCount(
            result.embeddings.values.count, call.states.values.count, "prelude output elements")
        drafts += chosen
        states.append(result.states)
        embeddings.append(result.embeddings)
        return StepOutcome(newTokens: [])
    }

    private mutating func verify(_ result: ModelResult, of call: SequenceCall) throws -> StepOutcome {
        let start = call.start
        let verified = try rowTokens.choose(
            drafts.indices, of: call, from: result, sequence: tokens + drafts, step: 0)
        let accepted = drafts.indices.prefix { row in
            drafts[row] == verified[row] || isProbable(drafts[row], row: row, result)
        }.count
        statistics.drafts? += drafts.count
        if accepted < drafts.count { statistics.restarts? += 1 }
        // sampling.md, step S4.
        var outcome = finish(drafts.prefix(accepted) + Array(verified[accepted...].prefix(1)))
        outcome.record = StepRecord(
            step: statistics.steps - 1, start: start, frozen: tokens.count, tokens: tokens,
            recurrences: [Int](repeating: settings.recurrence, count: start + drafts.count), differences: [])
        drafts = []
        states.keepFirst(0)
        embeddings.keepFirst(0)
        return outcome
    }

    /// Whether the verifier's probability of `token` is at least the threshold's fraction of the largest.
    private func isProbable(_ token: Int32, row: Int, _ result: ModelResult) -> Bool {
        guard settings.acceptThreshold < 1 else { return false }
        let logits = result.logits.values[row * rowTokens.shape.vocabulary..<(row + 1) * rowTokens.shape.vocabulary]
        guard let largest = logits.max() else { return false }
        return exp(logits[logits.startIndex + Int(token)] - largest) >= settings.acceptThreshold
    }

    /// Adds final tokens up to the end of the generation.
    private mutating func finish(_ new: [Int32]) -> StepOutcome {
        let known = tokens.count
        for token in new where finishReason == nil {
            tokens.append(token)
            finishReason = generation.finishReason(
                after: tokens, promptCount: promptCount, context: rowTokens.shape.context)
        }
        return StepOutcome(newTokens: Array(tokens[known...]))
    }

    public mutating func cancel() {
        if finishReason == nil { finishReason = .cancelled }
    }
}
