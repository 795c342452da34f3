/// The way in which fresh states are mixed into the states of a step.
public enum NoiseForm: String, Hashable, Sendable, Codable, CaseIterable {
    /// S ← (1 − b) S + b s0
    case linear
    /// S ← sqrt(1 − b) S + sqrt(b) s0
    case sqrt
}

/// The rule that gives the share b of fresh state from the state noise β.
public enum NoiseSchedule: String, Hashable, Sendable, Codable, CaseIterable {
    /// b = β / (1 + recurrences that the position has had)
    case dampened
    /// b = β
    case constant
}

/// The rule that decides which draft tokens become final after a step.
public enum FreezeRule: String, Hashable, Sendable, Codable, CaseIterable {
    /// All up to the last position whose state changed by less than the exit threshold.
    case latentDiff = "latent-diff"
    /// All up to the last active position whose token came out of a step unchanged more than r/r' times.
    case tokenStability = "token-stability"
    /// One token a step, from step r/r' + 1 on.
    case fixed
}

/// The settings of diffusion forcing, in addition to ``GenerationSettings``: the parameters of Algorithm 2 of arXiv
/// 2510.14961, with its defaults.
public struct DiffusionSettings: Hashable, Sendable, Codable {
    /// r: the recurrences of the prefill, and the measure of the freeze rules that count. At least 1 with prefill.
    public var recurrence = 32
    /// r': the recurrences of every active position at each step.
    public var innerRecurrence = 4
    /// ε: the relative change of a state below which the `latentDiff` rule counts its position as settled.
    public var exitThreshold: Float = 0.03
    /// W: the maximum number of active positions. The first active position holds a final token, whose state predicts
    /// the next. So 1 would leave no room for a draft and counts as 2.
    public var maxWavefront = 128
    /// h: the number of positions by which the draft grows at each step. Those beyond the first start from random
    /// tokens.
    public var headway = 1
    /// η: the share that a position's previous prelude output keeps.
    public var embeddingEMA: Float = 0.1
    /// β: the share of fresh state that is mixed in at each step.
    public var stateNoise: Float = 0.5
    /// The way in which the fresh state is mixed in.
    public var noiseForm = NoiseForm.linear
    /// The share of fresh state at each step.
    public var noiseSchedule = NoiseSchedule.dampened
    /// The rule that makes draft tokens final.
    public var freezeRule = FreezeRule.latentDiff
    /// Whether new positions start from the last active states instead of fresh ones.
    public var warmStart = false
    /// Whether the prompt is evaluated at full depth before the first step. Without prefill the prompt's positions are
    /// the first wavefront. If only a part of the prompt has settled, the algorithm takes the rest back into the draft
    /// and overwrites it with the model's own tokens.
    public var prefill = true
    /// The number of steps in a row without a newly final token after which the generation ends as stalled. A threshold
    /// that the noise never lets the states reach would otherwise go on forever. Not part of the algorithm.
    public var stallLimit = 1024

    public init() {}

    /// - Throws: ``SettingError`` naming the first setting out of its range.
    public func validate() throws {
        try checkSetting("recurrence", recurrence, atLeast: prefill ? 1 : 0)
        try checkSetting("inner recurrence", innerRecurrence, atLeast: 1)
        try checkSetting("exit threshold", exitThreshold, in: 0...Float.infinity)
        try checkSetting("wavefront limit", maxWavefront, atLeast: 1)
        try checkSetting("headway", headway, atLeast: 1)
        try checkSetting("embedding EMA", embeddingEMA, in: 0...1)
        try checkSetting("state noise", stateNoise, in: 0...1)
        try checkSetting("stall limit", stallLimit, atLeast: 1)
    }
}
