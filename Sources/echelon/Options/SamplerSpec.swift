import Reports
import Runtime
import Samplers

/// A sampler and all its settings, with the defaults filled in.
struct SamplerSpec {
    enum Settings {
        case diffusion(DiffusionSettings)
        case autoregressive(AutoregressiveSettings)
        case lossless(LosslessSettings)
        case adaptive(AdaptiveSettings)
        case speculative(SpeculativeSettings)
    }

    /// The settings that all samplers share.
    var generation: GenerationSettings
    /// The settings of the sampler itself.
    var settings: Settings
    /// The measurement that chose r'; nil if the command line did.
    var measuredInnerRecurrence: MeasuredInnerRecurrence?

    var kind: SamplerKind {
        switch settings {
        case .diffusion: .diffusion
        case .autoregressive: .autoregressive
        case .lossless: .lossless
        case .adaptive: .adaptive
        case .speculative: .speculative
        }
    }

    var diffusion: DiffusionSettings? {
        if case .diffusion(let settings) = settings { settings } else { nil }
    }

    var autoregressive: AutoregressiveSettings? {
        if case .autoregressive(let settings) = settings { settings } else { nil }
    }

    var lossless: LosslessSettings? {
        if case .lossless(let settings) = settings { settings } else { nil }
    }

    var adaptive: AdaptiveSettings? {
        if case .adaptive(let settings) = settings { settings } else { nil }
    }

    var speculative: SpeculativeSettings? {
        if case .speculative(let settings) = settings { settings } else { nil }
    }

    /// Makes a sampler that continues a prompt.
    func sampler(of prompt: [Int32], shape: ModelShape) throws -> any SequenceSampler {
        switch settings {
        case .diffusion(let settings):
            try DiffusionForcing(prompt: prompt, settings: settings, generation: generation, shape: shape)
        case .autoregressive(let settings):
            try Autoregressive(prompt: prompt, settings: settings, generation: generation, shape: shape)
        case .lossless(let settings):
            try LosslessWavefront(prompt: prompt, settings: settings, generation: generation, shape: shape)
        case .adaptive(let settings):
            try Adaptive(prompt: prompt, settings: settings, generation: generation, shape: shape)
        case .speculative(let settings):
            try Speculative(prompt: prompt, settings: settings, generation: generation, shape: shape)
        }
    }
}
