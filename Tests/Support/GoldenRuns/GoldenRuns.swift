import Samplers

/// The recorded runs of one random checkpoint, `golden.json`: greedy, from zero states, through stop tokens.
public struct GoldenRuns: Decodable, Sendable {
    /// The depths of the recorded logits and latents.
    public struct Forward: Decodable, Sendable { public var recurrences: [Int] }

    public struct Autoregressive: Decodable, Sendable {
        /// The index of its prompt.
        public var prompt: Int
        public var recurrence: Int
        public var new_tokens: Int
        var kv_cache: String
        /// The prompt, then the generated tokens.
        public var sequence: [Int32]

        /// The cache budget B: `shared`, or one entry for each recurrence.
        public var cacheBudget: Int { kv_cache == "shared" ? 1 : recurrence }
    }

    public struct Diffusion: Decodable, Sendable {
        public var prompt: Int
        public var settings: Settings
        public var sequence: [Int32]
        /// The first steps of the run.
        public var steps: [Step]
    }

    /// The settings of a diffusion run, by their names in the reference.
    public struct Settings: Decodable, Sendable {
        public var new_tokens: Int
        var headway: Int
        var ema_embeds: Float
        var state_noise_mixing: Float
        var inner_recurrence: Int
        var num_steps: Int
        var freeze_strategy: FreezeRule
        var exit_t: Float
        var max_wavefront: Int
        var dampened_state_mixer: Bool?
        var sqrt_mixer: Bool?
        var continuous_compute: Bool?
        var full_prefill: Bool?

        public var diffusion: DiffusionSettings {
            var settings = DiffusionSettings()
            settings.recurrence = num_steps
            settings.innerRecurrence = inner_recurrence
            settings.exitThreshold = exit_t
            settings.maxWavefront = max_wavefront
            settings.headway = headway
            settings.embeddingEMA = ema_embeds
            settings.stateNoise = state_noise_mixing
            settings.noiseForm = sqrt_mixer == true ? .sqrt : .linear
            settings.noiseSchedule = dampened_state_mixer == false ? .constant : .dampened
            settings.freezeRule = freeze_strategy
            settings.warmStart = continuous_compute == true
            settings.prefill = full_prefill != false
            return settings
        }
    }

    /// The state after a step. The reference keeps sequences in buffers filled with zeros, so zeros at the end of
    /// tokens are left out.
    public struct Step: Decodable, Equatable, Sendable {
        public var frozen: [Int32]
        public var current: [Int32]
        /// The number of recurrences of each position.
        public var counter: [Int]

        /// - Parameters:
        ///   - tokens: the final tokens and the draft.
        ///   - frozen: the number of final ones.
        public init(tokens: [Int32], frozen: Int, recurrences: [Int]) {
            func trimmed(_ tokens: some Collection<Int32>) -> [Int32] {
                var tokens = Array(tokens)
                while tokens.last == 0 { tokens.removeLast() }
                return tokens
            }
            self.frozen = trimmed(tokens.prefix(frozen))
            current = trimmed(tokens)
            counter = recurrences
        }

        /// A sampler's record. A token 0 that happens to be last is left out too, frozen (run 22, step 42) or not.
        public init(_ record: StepRecord) {
            self.init(tokens: record.tokens, frozen: record.frozen, recurrences: record.recurrences)
        }
    }

    public struct Adaptive: Decodable, Sendable {
        public var prompt: Int
        public var new_tokens: Int
        var max_steps: Int
        var criterion: ExitCriterion
        var threshold: Float
        var continuous_compute: Bool?
        public var sequence: [Int32]
        /// The recurrences of the prompt, then of each generated position.
        public var steps: [Int]
        /// The criterion's values at each check of the same; nil for values that are not numbers.
        public var values: [[Float?]]

        public var settings: AdaptiveSettings {
            var settings = AdaptiveSettings(criterion: criterion)
            settings.recurrence = max_steps
            settings.exitThreshold = threshold
            settings.warmStart = continuous_compute == true
            return settings
        }
    }

    public struct Speculative: Decodable, Sendable {
        public var prompt: Int
        var num_steps: Int
        var draft_steps: Int
        var lookahead: Int
        var threshold: Float
        public var sequence: [Int32]

        public var settings: SpeculativeSettings {
            var settings = SpeculativeSettings()
            settings.recurrence = num_steps
            settings.draftRecurrence = draft_steps
            settings.lookahead = lookahead
            settings.acceptThreshold = threshold
            return settings
        }
    }

    public var prompts: [[Int32]]
    public var forward: Forward
    public var autoregressive: [Autoregressive]
    public var diffusion: [Diffusion]?
    public var adaptive: [Adaptive]?
    public var speculative: [Speculative]?

    /// - Parameter model: `micro` or `odd`.
    public init(of model: String) throws { self = try GoldenFile.decode(Self.self, "\(model)/golden.json") }
}
