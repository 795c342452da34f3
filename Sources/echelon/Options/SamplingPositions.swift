import Checkpoints
import Plans

extension SamplingOptions {
    /// The maximum number of positions that the sampler uses: those of the prompt and of new tokens, and drafts after
    /// them.
    /// - Parameters:
    ///   - promptCount: The number of tokens in the prompt.
    ///   - compiled: The settings of the plan, which give defaults.
    ///   - defaults: The checkpoint's defaults for generation.
    func positions(after promptCount: Int, _ compiled: PlanSettings, defaults: GenerationConfiguration) throws -> Int {
        let settings = try generation(defaults, promptCount: promptCount)
        let last = promptCount.clamped + settings.maxNewTokens.clamped
        return switch try kind(for: compiled.model) {
        case .diffusion: last + diffusion(compiled).maxWavefront.clamped + 1
        case .autoregressive, .adaptive, .speculative: max(1, last)
        // Measuring r' takes steps of up to one row for each recurrence, whatever the request.
        case .lossless: max(1, last, (recurrence ?? compiled.recurrence).clamped)
        }
    }
}

extension Int {
    /// This number within 0 and the largest number of positions, so that sums of a few such numbers fit.
    fileprivate var clamped: Int { Swift.min(Swift.max(0, self), Int(Int32.max)) }
}
