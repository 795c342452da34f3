import ArgumentParser
import Checkpoints
import NumberFormats
import Plans
import Runtime
import Samplers

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Generate text.",
        discussion: """
            MODEL is a plan or a checkpoint folder, which is compiled on the fly; without one, a small model inside this \
            program answers, which knows word problems and sums. PROMPT goes through the checkpoint's chat template \
            unless --raw; `-` reads it from standard input.

              echelon generate "Sam has 7 pens. Sam buys 5. How many pens does Sam have?"
              echelon generate huginn.plan "Why is the sky blue?" --stream
              echelon generate huginn.plan "Once upon" --raw --temperature 0.7 --json
              echelon generate huginn.plan --tokens 1,2,3 --init-scale 0 --trace steps.json
            """)

    @OptionGroup var prompting: PromptOptions

    @Flag(help: "Print text as soon as it is final.")
    var stream = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Write what each step did to a JSON file.", valueName: "file.json"))
    var trace: String?

    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup var opening: ModelOptions

    func validate() throws {
        if prompting.tokens == nil, prompting.modelAndPrompt.isEmpty {
            throw ValidationError("What to continue is missing: give a PROMPT or --tokens.")
        }
        if stream, json { throw ValidationError("--stream and --json exclude each other.") }
    }

    func run() throws { try reportingFailures(generate) }

    private func generate() throws {
        let (path, asked) = try prompting.read()
        guard let prompt = asked else {
            throw CommandError(
                "A prompt for \(path ?? "the model") is missing: give it after the model, or as --tokens.")
        }
        if let trace { try Terminal.checkPlace(trace) }
        let plan = try opening.plan(
            at: path, opening.planning.settings(innerRecurrence: sampling.unrolledInnerRecurrence))
        let tools = Result { try TextTools(plan) }
        let promptTokens = try prompt.tokens(tools.get, prompting)
        // Tokens do without; what follows them is printed as numbers then.
        let textTools = try? tools.get()
        let defaults = try plan.generationConfiguration()
        let model = try opening.model(plan, cacheBudget: sampling.cacheBudget())
        let sampler = try sampling.sampler(of: promptTokens, on: model, defaults: defaults)

        let start = ContinuousClock.now
        var output = GeneratedText(
            textTools, stops: sampling.ignoreEos ? [] : Set(defaults.stopTokens), streams: stream)
        var records: [StepRecord] = []
        var progress = ProgressLine("generating")
        let ended = try Generation.run([sampler], on: model) { event in
            try output.add(event.newTokens)
            if trace != nil, let record = event.record { records.append(record) }
            if !stream { progress.show("\(output.tokens.count) tokens") }
            return !Interrupt.isRequested
        }[0]
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        progress.clear()
        let rest = try output.finish()

        if let trace {
            let steps = Trace(sampler: sampling.sampler, promptTokens: promptTokens, steps: records)
            try Terminal.write(Terminal.json(steps), to: trace)
        }
        let report = Report(
            tokens: ended.generated, text: output.text, promptTokens: promptTokens, steps: ended.statistics.steps,
            recurrences: ended.statistics.recurrences, seconds: seconds,
            tokensPerSecond: seconds > 0 ? Double(ended.generated.count) / seconds : 0,
            stopReason: ended.finishReason, settings: try settings(plan, defaults, model))
        if json {
            try Terminal.writeJSON(report)
        } else {
            try Terminal.write(
                textTools == nil ? report.tokens.map(String.init).joined(separator: " ") + "\n" : rest + "\n")
            Terminal.note(summary(report))
        }
    }

    private func summary(_ report: Report) -> String {
        "\(report.tokens.count) tokens in \(decimals(report.seconds, 2)) s, "
            + "\(decimals(report.tokensPerSecond, 1)) tokens/s, \(report.steps) steps, "
            + "\(report.recurrences) recurrences, \(sampling.sampler.rawValue)"
            + (report.stopReason.map { ", ended by \($0.rawValue)" } ?? "")
    }

    private func settings(_ plan: Plan, _ defaults: GenerationConfiguration, _ model: PlanModel) throws -> Settings {
        let compiled = plan.contents.settings
        let diffusion = sampling.sampler == .diffusion
        return Settings(
            sampler: sampling.sampler, generation: try sampling.generation(defaults),
            diffusion: diffusion ? sampling.diffusion(compiled) : nil,
            autoregressive: diffusion ? nil : sampling.autoregressive(compiled),
            kvBudget: sampling.kvBudget, cacheFormat: model.cacheFormat, weights: compiled.weights,
            threads: model.threads,
            instructionSet: model.instructionSet)
    }
}

/// What `generate --json` prints.
private struct Report: Encodable {
    /// The generated tokens, a stop token included.
    var tokens: [Int32]
    /// Their text, without the stop token.
    var text: String
    var promptTokens: [Int32]
    var steps: Int
    var recurrences: Int
    var seconds: Double
    var tokensPerSecond: Double
    var stopReason: FinishReason?
    var settings: Settings
}

private struct Settings: Encodable {
    var sampler: SamplerKind
    var generation: GenerationSettings
    var diffusion: DiffusionSettings?
    var autoregressive: AutoregressiveSettings?
    var kvBudget: Int
    var cacheFormat: CacheFormat
    var weights: ElementType
    var threads: Int
    var instructionSet: String
}

/// What `generate --trace` writes.
private struct Trace: Encodable {
    var sampler: SamplerKind
    var promptTokens: [Int32]
    var steps: [StepRecord]
}
