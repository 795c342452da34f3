/// The samplers, as the command line and reports name them.
package enum SamplerKind: String, CaseIterable, Codable, Hashable, Sendable {
    case diffusion, autoregressive, lossless, adaptive, speculative
}
