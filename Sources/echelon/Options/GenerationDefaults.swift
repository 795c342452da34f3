import Checkpoints
import Plans
import Samplers

/// The settings of a generation: those of the command line and, where it gives none, the checkpoint's.
extension SamplingOptions {
    /// The checkpoint's defaults for generation, as far as they are wanted.
    func defaults(of plan: Plan) throws -> GenerationConfiguration {
        var defaults = try GenerationConfiguration(documents: plan.contents.documents)
        if let stopTokens = plan.contents.settings.model.stopTokens { defaults.stopTokens = stopTokens }
        return ignoreGenerationConfig ? defaults.stopTokensAlone : defaults
    }

    /// - Parameters:
    ///   - defaults: the checkpoint's defaults.
    ///   - promptCount: the number of tokens in the prompt.
    /// - Throws: ``CommandError`` if the defaults ask for something that cannot be done.
    func generation(_ defaults: GenerationConfiguration, promptCount: Int) throws -> GenerationSettings {
        var settings = GenerationSettings()
        settings.maxNewTokens = try maxNewTokens ?? Self.maxNewTokens(defaults, promptCount) ?? settings.maxNewTokens
        settings.stopTokens = tokens(defaults.stopTokens)
        settings.ignoreStopTokens = ignoreEos
        settings.initScale = initScale
        settings.prefillThreshold = prefillThreshold
        settings.seed = seed
        settings.choice.temperature = temperature ?? (defaults.isGreedy ? 0 : Float(defaults.temperature))
        settings.choice.topK = topK ?? defaults.topK ?? 0
        settings.choice.topP = topP ?? Float(defaults.topP)
        settings.choice.minP = minP ?? Float(defaults.minP)
        settings.choice.repetitionPenalty = repetitionPenalty ?? Float(defaults.repetitionPenalty)
        settings.rules = rules(defaults)
        let samples = settings.choice.temperature > 0
        if let unsupported = defaults.unsupported.first(where: { samples || !$0.needsSampling }) {
            throw CommandError(
                "\(unsupported.problem); give --ignore-generation-config to generate without the file's settings.")
        }
        return settings
    }

    private static func maxNewTokens(_ defaults: GenerationConfiguration, _ promptCount: Int) throws -> Int? {
        if let count = defaults.maxNewTokens { return count }
        guard let length = defaults.maxLength else { return nil }
        guard length > promptCount else {
            throw CommandError(
                "The checkpoint's max_length is \(length) tokens, and the prompt alone has \(promptCount); give "
                    + "--max-new-tokens.")
        }
        return length - promptCount
    }

    private func rules(_ defaults: GenerationConfiguration) -> TokenRules {
        var rules = TokenRules()
        rules.suppressed = tokens(defaults.suppressedTokens)
        rules.suppressedAtBegin = tokens(defaults.suppressedTokensAtBegin)
        rules.forbiddenSequences = defaults.forbiddenSequences.map(tokens)
        rules.noRepeatNGram = defaults.noRepeatNGram
        rules.minNewTokens = defaults.minNewTokens
        rules.minLength = defaults.minLength
        rules.forcedFirst = defaults.forcedFirstToken.flatMap(Int32.init(exactly:))
        rules.forcedLast = tokens(defaults.forcedLastTokens)
        return rules
    }

    private func tokens(_ ids: [Int]) -> [Int32] { ids.filter { $0 >= 0 }.compactMap(Int32.init(exactly:)) }
}
