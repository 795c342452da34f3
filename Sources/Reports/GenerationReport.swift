import NumberFormats
import Plans
import Runtime
import Samplers

/// The JSON that `generate --json` prints.
package struct GenerationReport: Codable, Hashable, Sendable {
    /// The generated tokens, including the stop token.
    package var tokens: [Int32]
    /// The text of the tokens, without the stop token.
    package var text: String
    package var promptTokens: [Int32]
    package var steps: Int
    package var recurrences: Int
    /// The passes over prelude, core and coda.
    package var passes: Passes
    /// The drafts of the lossless wavefront or of self-speculation, and how many of them were changed later. Absent for
    /// other samplers.
    package var drafts: Int?
    package var restarts: Int?
    package var seconds: Double
    package var tokensPerSecond: Double
    package var stopReason: FinishReason?
    package var settings: Settings

    package init(
        tokens: [Int32], text: String, promptTokens: [Int32], steps: Int, recurrences: Int, passes: Passes,
        drafts: Int? = nil, restarts: Int? = nil, seconds: Double, tokensPerSecond: Double,
        stopReason: FinishReason? = nil,
        settings: Settings
    ) {
        self.tokens = tokens
        self.text = text
        self.promptTokens = promptTokens
        self.steps = steps
        self.recurrences = recurrences
        self.passes = passes
        self.drafts = drafts
        self.restarts = restarts
        self.seconds = seconds
        self.tokensPerSecond = tokensPerSecond
        self.stopReason = stopReason
        self.settings = settings
    }

    /// The passes of the prefill, and of all steps.
    package struct Passes: Codable, Hashable, Sendable {
        package var prefill: PassCounts
        package var decoding: PassCounts

        package init(_ statistics: SamplerStatistics) {
            prefill = statistics.prefill
            decoding = statistics.decoding
        }
    }

    /// All settings of the run, with the defaults filled in.
    package struct Settings: Codable, Hashable, Sendable {
        package var sampler: SamplerKind
        package var generation: GenerationSettings
        /// The sampler's own settings. Those of the other samplers are absent.
        package var diffusion: DiffusionSettings?
        package var autoregressive: AutoregressiveSettings?
        package var lossless: LosslessSettings?
        /// The measurement that chose r'. Absent if the command line gave it.
        package var measuredInnerRecurrence: InnerRecurrenceChoice.Timing?
        package var adaptive: AdaptiveSettings?
        package var speculative: SpeculativeSettings?
        package var kvBudget: Int
        package var cacheFormat: CacheFormat
        package var weights: ElementType
        package var threads: Int
        package var instructionSet: String

        package init(
            sampler: SamplerKind, generation: GenerationSettings, diffusion: DiffusionSettings? = nil,
            autoregressive: AutoregressiveSettings? = nil, lossless: LosslessSettings? = nil,
            measuredInnerRecurrence: InnerRecurrenceChoice.Timing? = nil, adaptive: AdaptiveSettings? = nil,
            speculative: SpeculativeSettings? = nil, kvBudget: Int, cacheFormat: CacheFormat, weights: ElementType,
            threads: Int, instructionSet: String
        ) {
            self.sampler = sampler
            self.generation = generation
            self.diffusion = diffusion
            self.autoregressive = autoregressive
            self.lossless = lossless
            self.measuredInnerRecurrence = measuredInnerRecurrence
            self.adaptive = adaptive
            self.speculative = speculative
            self.kvBudget = kvBudget
            self.cacheFormat = cacheFormat
            self.weights = weights
            self.threads = threads
            self.instructionSet = instructionSet
        }
    }
}

/// The JSON that `generate --trace` writes.
package struct GenerationTrace: Codable, Hashable, Sendable {
    package var sampler: SamplerKind
    package var promptTokens: [Int32]
    package var steps: [StepRecord]

    package init(sampler: SamplerKind, promptTokens: [Int32], steps: [StepRecord]) {
        self.sampler = sampler
        self.promptTokens = promptTokens
        self.steps = steps
    }
}
