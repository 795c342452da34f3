import Plans
import Reports

extension SamplerKind {
    /// The sampler for a model if none is asked for.
    init(for model: ModelFacts) { self = model.injectsInput ? .diffusion : .lossless }

    /// The reason why the sampler cannot run a model, as a clause without a full stop; nil if it can.
    func obstacle(for model: ModelFacts) -> String? {
        switch self {
        case .diffusion:
            model.injectsInput
                ? nil : "the model reads its input once, so a state cannot follow a draft that changes"
        case .autoregressive, .lossless, .adaptive, .speculative: nil
        }
    }
}
