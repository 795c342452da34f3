import ArgumentParser
import Checkpoints
import Plans
import Reports
import Runtime
import Samplers

extension SamplerKind: ExpressibleByArgument {}
extension NoiseForm: ExpressibleByArgument {}
extension NoiseSchedule: ExpressibleByArgument {}
extension FreezeRule: ExpressibleByArgument {}
extension DraftCorrection: ExpressibleByArgument {}
extension ExitCriterion: ExpressibleByArgument {}

/// The options of the samplers. An option that is not given has the checkpoint's default or, if it has none, the sampler's.
///
/// All numbers are parsed unconditionally, so that `--recurrence -1` is a number out of range and not an unknown option
/// `-1`.
struct SamplingOptions: ParsableArguments {
    @Option(
        help:
            "The sampler: diffusion drafts and refines many tokens per pass; autoregressive makes one token at a time; lossless makes the same tokens as autoregressive with --kv-budget R, several positions per pass; adaptive makes one token at a time with as many recurrences as it needs; speculative drafts tokens with few recurrences and verifies them in one pass (default: diffusion, or lossless for a model that does not read its input in every recurrence)."
    )
    var sampler: SamplerKind?

    @Option(parsing: .unconditional, help: "Stop after this many new tokens (default: the checkpoint's, else 256).")
    var maxNewTokens: Int?

    @Option(
        parsing: .unconditional,
        help: "Recurrences per token and in the prefill (default: the number that the plan was compiled for).")
    var recurrence: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "diffusion, lossless: recurrences per step, r' (default: 4; lossless: the fastest on this machine, measured once and kept).",
            valueName: "r'"))
    var innerRecurrence: Int?

    @Option(
        help:
            "lossless: when a draft is corrected: as-needed, every-read-out, at-full-depth (as WaveFront Decoding) or two-proposals (as LoopSpec). The tokens are the same (default: as-needed, or every-read-out with --read-every)."
    )
    var correction: DraftCorrection?

    @Option(
        parsing: .unconditional,
        help: "lossless, every-read-out: steps from one read-out of a position to the next (default: 1).")
    var readEvery: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "lossless, two-proposals: the step of a position that makes its second proposal (default: halfway to r).",
            valueName: "step"))
    var secondProposal: Int?

    @Option(
        parsing: .unconditional,
        help:
            "diffusion: a state has settled if its relative change is below this (default: 0.03). adaptive: the threshold of the criterion (default: the criterion's own)."
    )
    var exitThreshold: Float?

    @Option(
        parsing: .unconditional,
        help:
            "diffusion: maximum number of positions refined at once (default: 128, or the plan's --max-rows if that is less)."
    )
    var maxWavefront: Int?

    @Option(parsing: .unconditional, help: "diffusion: positions by which the draft grows in each step.")
    var headway = DiffusionSettings().headway

    @Option(parsing: .unconditional, help: "diffusion: fraction of its previous embedding that a position keeps.")
    var embeddingEma = DiffusionSettings().embeddingEMA

    @Option(parsing: .unconditional, help: "diffusion: fraction of fresh noise mixed into each state.")
    var stateNoise = DiffusionSettings().stateNoise

    @Option(help: "diffusion: how noise is mixed in: linear or sqrt.")
    var noiseForm = DiffusionSettings().noiseForm

    @Option(help: "diffusion: dampened noise fades with a position's recurrences, constant noise does not.")
    var noiseSchedule = DiffusionSettings().noiseSchedule

    @Option(help: "diffusion: rule that makes draft tokens final: latent-diff, token-stability or fixed.")
    var freeze = DiffusionSettings().freezeRule

    @Option(
        help:
            "adaptive: the rule that ends the recurrences of a token: latent-diff, cosine, entropy-diff, kl, minp-kl, argmax-stability or exit-gate, the model's own gate."
    )
    var criterion = ExitCriterion.latentDiff

    @Option(parsing: .unconditional, help: "adaptive: recurrences that every token gets.")
    var minRecurrence = AdaptiveSettings().minRecurrence

    @Option(parsing: .unconditional, help: "adaptive: recurrences from one check of the criterion to the next.")
    var checkEvery = AdaptiveSettings().checkEvery

    @Flag(
        help:
            "adaptive: give every token all recurrences after it has been read out, so that later tokens find the keys and values of each (as the published code of Ouro; saves no time)."
    )
    var completeDepth = false

    @Option(parsing: .unconditional, help: "speculative: recurrences of a draft.")
    var draftRecurrence = SpeculativeSettings().draftRecurrence

    @Option(parsing: .unconditional, help: "speculative: tokens that are drafted before they are verified.")
    var lookahead = SpeculativeSettings().lookahead

    @Option(
        parsing: .unconditional,
        help:
            "speculative: accept a draft with at least this fraction of the largest probability; 1 accepts only the token that all recurrences choose."
    )
    var acceptThreshold = SpeculativeSettings().acceptThreshold

    @Flag(help: "Start new positions from the newest state instead of a random one.")
    var warmStart = false

    @Flag(help: "diffusion: refine the prompt's positions like all others, without a prefill.")
    var noPrefill = false

    @Option(
        parsing: .unconditional,
        help:
            "Prefill: end the recurrences of a prompt position whose state changes by less than this fraction in one of them (default: none ends early)."
    )
    var prefillThreshold: Float?

    @Option(
        parsing: .unconditional,
        help:
            "Cache entries per position in each recurrent block; 1 shares one entry among all recurrences (default: 1, or one per recurrence for a model that needs them; lossless, adaptive and speculative need and take one per recurrence)."
    )
    var kvBudget: Int?

    @Option(parsing: .unconditional, help: "Scale of the random initial states; 0 starts from zero.")
    var initScale: Float = 1

    @Option(
        parsing: .unconditional,
        help: "Divide the logits by this before sampling; 0 always takes the most probable token.")
    var temperature: Float?

    @Option(parsing: .unconditional, help: "Sample among the K most probable tokens only; 0 keeps all.")
    var topK: Int?

    @Option(parsing: .unconditional, help: "Sample among the most probable tokens up to this sum of probabilities.")
    var topP: Float?

    @Option(
        parsing: .unconditional, help: "Sample among tokens with at least this fraction of the largest probability.")
    var minP: Float?

    @Option(parsing: .unconditional, help: "Make tokens that occurred before less probable; 1 changes nothing.")
    var repetitionPenalty: Float?

    @Option(parsing: .unconditional, help: "Seed of all random numbers.")
    var seed: UInt64 = 0

    @Flag(help: "Continue after stop tokens and stop strings.")
    var ignoreEos = false

    @Flag(help: "Ignore the checkpoint's generation_config.json, but for its stop tokens.")
    var ignoreGenerationConfig = false

    func validate() throws {
        if let sampler { try checkCombination(with: sampler) { ValidationError($0) } }
        if prefillThreshold != nil, noPrefill {
            throw ValidationError("--prefill-threshold and --no-prefill cannot be combined.")
        }
    }

    /// Checks the options that only some samplers take.
    /// - Parameter failure: makes an error of a sentence.
    private func checkCombination(with sampler: SamplerKind, _ failure: (String) -> any Error) throws {
        if sampler == .diffusion, let kvBudget, kvBudget != 1 {
            throw failure(
                "--kv-budget \(kvBudget) needs --sampler autoregressive: diffusion forcing shares one cache entry over all "
                    + "recurrences.")
        }
        if needsEveryEntry(sampler), kvBudget != nil {
            throw failure("--sampler \(sampler.rawValue) takes one cache entry per recurrence; leave out --kv-budget.")
        }
        if warmStart, let reason = coldStartReason(sampler) {
            throw failure("--warm-start needs another sampler: \(reason).")
        }
        if prefillThreshold != nil, sampler == .adaptive {
            throw failure(
                "--prefill-threshold needs another sampler: the criterion of adaptive depth ends the prompt's recurrences."
            )
        }
        guard sampler == .lossless else { return }
        guard secondProposal == nil || chosenCorrection == .twoProposals else {
            throw failure("--second-proposal needs --correction two-proposals.")
        }
        guard readEvery ?? 1 == 1 || chosenCorrection == .everyReadOut else {
            throw failure("--read-every needs --correction every-read-out; the others read out less often.")
        }
    }

    /// The sampler for a model.
    /// - Throws: ``UsageError`` if the model lacks what the sampler needs, or the options do not go together.
    func kind(for model: ModelFacts) throws -> SamplerKind {
        let kind = sampler ?? SamplerKind(for: model)
        if let obstacle = kind.obstacle(for: model) {
            throw UsageError(
                "--sampler \(kind.rawValue) cannot run models of the family \(model.architecture): \(obstacle). Use --sampler "
                    + "\(SamplerKind(for: model).rawValue), which also computes several positions in a pass and makes the "
                    + "tokens of autoregressive decoding.")
        }
        if warmStart, model.stateDeviation == 0, !model.injectsInput {
            throw UsageError(
                "--warm-start needs a model whose positions start from random states, and positions of the family "
                    + "\(model.architecture) start from their tokens.")
        }
        guard kind != .adaptive || !criterion.readsGate || model.hasExitGate else {
            throw UsageError(
                "--criterion \(criterion.rawValue) needs a model with an exit gate, and models of the family "
                    + "\(model.architecture) have none.")
        }
        try checkCombination(with: kind) { UsageError($0) }
        return kind
    }

    private var chosenCorrection: DraftCorrection {
        correction ?? (readEvery == nil ? LosslessSettings().correction : .everyReadOut)
    }

    /// Whether a sampler needs one cache entry per recurrence.
    private func needsEveryEntry(_ sampler: SamplerKind) -> Bool {
        switch sampler {
        case .diffusion, .autoregressive: false
        case .lossless, .adaptive, .speculative: true
        }
    }

    /// The reason why a sampler starts every position from a fresh state; nil for one that has a choice.
    private func coldStartReason(_ sampler: SamplerKind) -> String? {
        switch sampler {
        case .diffusion, .autoregressive, .adaptive: nil
        case .lossless: "a lossless position starts before the one ahead has ended"
        case .speculative: "a draft starts before the one ahead has been verified"
        }
    }

    /// The number of cache entries per position.
    /// - Parameter compiled: The settings of the plan, which give defaults.
    /// - Throws: ``UsageError`` if it is out of range.
    func cacheBudget(_ compiled: PlanSettings) throws -> Int {
        let recurrence = max(1, min(recurrence ?? compiled.recurrence, Int(Int32.max)))
        if needsEveryEntry(try kind(for: compiled.model)) { return recurrence }
        let budget = kvBudget ?? compiled.model.cacheBudget(recurrence: recurrence)
        guard (1...Int(Int32.max)).contains(budget) else {
            throw UsageError("--kv-budget is \(budget); it has to be a whole number from 1 to \(Int32.max).")
        }
        return budget
    }

    /// The recurrences of a step if no model says otherwise.
    var stepRecurrence: Int { innerRecurrence ?? DiffusionSettings().innerRecurrence }

    /// The recurrences of a step to unroll if a checkpoint is compiled for these options; nil for the compiler's choice.
    /// A large number is not unrolled, so that compiling stays quick.
    var unrolledInnerRecurrence: Int? { innerRecurrence.flatMap { (1...16).contains($0) ? $0 : nil } }

    /// Prints a warning if the model is asked for more recurrences than it was trained for.
    func noteDepth(_ compiled: PlanSettings) {
        let recurrence = recurrence ?? compiled.recurrence
        guard let trained = compiled.model.trainedRecurrence, recurrence > trained else { return }
        Terminal.note(
            "--recurrence \(recurrence) is more than the \(trained) that the model was trained for; its answers get worse."
        )
    }

    /// The sampler that the options select, with its settings. An r' that is not given is measured if there is no kept
    /// measurement.
    /// - Parameters:
    ///   - model: the model that will run, whose plan gives defaults.
    ///   - defaults: the checkpoint's defaults for generation.
    ///   - promptCount: the number of tokens in the prompt.
    func spec(_ model: PlanModel, defaults: GenerationConfiguration, promptCount: Int) throws -> SamplerSpec {
        let compiled = model.plan.contents.settings
        noteDepth(compiled)
        var spec = SamplerSpec(
            generation: try generation(defaults, promptCount: promptCount), settings: .diffusion(diffusion(compiled)))
        switch try kind(for: compiled.model) {
        case .diffusion: break
        case .autoregressive: spec.settings = .autoregressive(autoregressive(compiled))
        case .adaptive: spec.settings = .adaptive(adaptive(compiled))
        case .speculative: spec.settings = .speculative(speculative(compiled))
        case .lossless:
            var settings = lossless(compiled)
            try settings.validate()
            if innerRecurrence == nil {
                let measured = try MeasuredInnerRecurrence(model, recurrence: settings.recurrence)
                settings.innerRecurrence = measured.record.timing.innerRecurrence
                spec.measuredInnerRecurrence = measured
            }
            if settings.correction == .twoProposals { settings.secondProposal = settings.secondProposalStep }
            spec.settings = .lossless(settings)
        }
        return spec
    }

    func diffusion(_ compiled: PlanSettings) -> DiffusionSettings {
        var settings = DiffusionSettings()
        settings.recurrence = recurrence ?? compiled.recurrence
        settings.innerRecurrence = stepRecurrence
        settings.exitThreshold = exitThreshold ?? settings.exitThreshold
        // All positions of the wavefront are rows of one call.
        settings.maxWavefront = maxWavefront ?? min(settings.maxWavefront, compiled.maxRows)
        settings.headway = headway
        settings.embeddingEMA = embeddingEma
        settings.stateNoise = stateNoise
        settings.noiseForm = noiseForm
        settings.noiseSchedule = noiseSchedule
        settings.freezeRule = freeze
        settings.warmStart = warmStart
        settings.prefill = !noPrefill
        return settings
    }

    private func lossless(_ compiled: PlanSettings) -> LosslessSettings {
        var settings = LosslessSettings()
        settings.recurrence = recurrence ?? compiled.recurrence
        settings.innerRecurrence = innerRecurrence ?? settings.innerRecurrence
        settings.correction = chosenCorrection
        settings.readEvery = readEvery ?? settings.readEvery
        settings.secondProposal = secondProposal
        return settings
    }

    private func adaptive(_ compiled: PlanSettings) -> AdaptiveSettings {
        var settings = AdaptiveSettings(criterion: criterion)
        settings.recurrence = recurrence ?? compiled.recurrence
        settings.exitThreshold = exitThreshold ?? settings.exitThreshold
        settings.minRecurrence = minRecurrence
        settings.checkEvery = checkEvery
        settings.completesDepth = completeDepth
        settings.warmStart = warmStart
        return settings
    }

    private func speculative(_ compiled: PlanSettings) -> SpeculativeSettings {
        var settings = SpeculativeSettings()
        settings.recurrence = recurrence ?? compiled.recurrence
        settings.draftRecurrence = draftRecurrence
        settings.lookahead = lookahead
        settings.acceptThreshold = acceptThreshold
        return settings
    }

    private func autoregressive(_ compiled: PlanSettings) -> AutoregressiveSettings {
        var settings = AutoregressiveSettings()
        settings.recurrence = recurrence ?? compiled.recurrence
        settings.warmStart = warmStart
        return settings
    }
}
