import ArgumentParser
import Checkpoints
import Plans
import Reports
import Runtime
import Samplers

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Generate text that continues a prompt.",
        discussion: """
            MODEL is a plan, or a checkpoint folder, which is compiled in memory. Without MODEL, a small model embedded \
            in this program answers; it knows word problems and sums. PROMPT goes through the checkpoint's chat \
            template, unless --raw is given. If PROMPT is `-`, it is read from standard input.

              echelon generate "Sam has 7 pens. Sam buys 5. How many pens does Sam have?"
              echelon generate huginn.plan "Why is the sky blue?" --stream
              echelon generate huginn.plan "Once upon" --raw --temperature 0.7 --json
              echelon generate huginn.plan --tokens 1,2,3 --init-scale 0 --trace steps.json
            """)

    @OptionGroup var prompting: PromptOptions

    @Flag(help: "Print the text piece by piece, as soon as its tokens are final.")
    var stream = false

    @Flag(help: "Print one JSON object with the tokens, the text, the timing and all settings.")
    var json = false

    @Option(
        help: ArgumentHelp("Write a JSON file with the state of the sequence after each step.", valueName: "file.json"))
    var trace: String?

    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup var opening: ModelOptions

    func validate() throws {
        if prompting.tokens == nil, prompting.modelAndPrompt.isEmpty {
            throw ValidationError("The prompt is missing: give a PROMPT or --tokens.")
        }
        if stream, json { throw ValidationError("--stream and --json cannot be combined.") }
        if json, trace == "-" {
            throw ValidationError("--json and --trace - both write to standard output; give the trace a file.")
        }
    }

    func run() throws { try reportingFailures(generate) }

    private func generate() throws {
        let (path, asked) = try prompting.read()
        guard let prompt = asked else {
            throw CommandError(
                "A prompt for \(path ?? "the model") is missing: give it after the model, or as --tokens.")
        }
        let traceOutput = try trace.map { try OutputPlace($0, apartFrom: [path]) }
        let plan = try opening.plan(
            at: path, opening.planning.settings(innerRecurrence: sampling.unrolledInnerRecurrence))
        let tools = Result { try TextTools(plan.contents.documents) }
        let promptTokens = try prompt.tokens(tools.get, prompting)
        // A prompt of tokens works without a tokenizer; the result is then printed as numbers.
        let textTools = try? tools.get()
        let defaults = try sampling.defaults(of: plan)
        let compiled = plan.contents.settings
        let model = try opening.model(
            plan, context: try sampling.positions(after: promptTokens.count, compiled, defaults: defaults),
            cacheBudget: sampling.cacheBudget(compiled))
        let spec = try sampling.spec(model, defaults: defaults, promptCount: promptTokens.count)
        let sampler = try spec.sampler(of: promptTokens, shape: model.shape)
        if let measured = spec.measuredInnerRecurrence { Terminal.note(measured.text) }

        let start = ContinuousClock.now
        var output = GeneratedText(
            textTools, stops: sampling.ignoreEos ? [] : Set(defaults.stopTokens), streams: stream)
        var stopStrings = try StopStrings(
            sampling.ignoreEos ? [] : defaults.stopStrings, textTools, prompt: promptTokens)
        var endsText = false
        var records: [StepRecord] = []
        var progress = ProgressLine("generating")
        let ended = try Generation.run([sampler], on: model) { event in
            for token in event.newTokens where !endsText {
                try output.add([token])
                endsText = stopStrings?.endsText(with: token) ?? false
            }
            if trace != nil, let record = event.record { records.append(record) }
            if !stream { progress.show("\(output.tokens.count) tokens") }
            return !Interrupt.isRequested && !endsText
        }[0]
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        progress.clear()
        let rest = try output.finish()

        if let traceOutput {
            let steps = GenerationTrace(sampler: spec.kind, promptTokens: promptTokens, steps: records)
            try traceOutput.write(ReportJSON.text(of: steps) + (traceOutput.isStandardOutput ? "\n" : ""))
        }
        let report = GenerationReport(
            tokens: output.tokens, text: output.text, promptTokens: promptTokens, steps: ended.statistics.steps,
            recurrences: ended.statistics.recurrences,
            passes: .init(ended.statistics), drafts: ended.statistics.drafts,
            restarts: ended.statistics.restarts, seconds: seconds,
            tokensPerSecond: seconds > 0 ? Double(output.tokens.count) / seconds : 0,
            stopReason: endsText ? .stop : ended.finishReason, settings: settings(spec, model))
        if json {
            try Terminal.writeJSON(report)
        } else {
            try Terminal.write(
                textTools == nil ? report.tokens.map(String.init).joined(separator: " ") + "\n" : rest + "\n")
            Terminal.note(summary(report))
        }
    }

    private func summary(_ report: GenerationReport) -> String {
        "\(report.tokens.count) tokens in \(decimals(report.seconds, 2)) s, "
            + "\(decimals(report.tokensPerSecond, 1)) tokens/s, \(report.steps) steps, "
            + "\(report.recurrences) recurrences, "
            + (report.drafts.map { "\($0) drafts, \(report.restarts ?? 0) restarts, " } ?? "")
            + "\(report.settings.sampler.rawValue)"
            + (report.stopReason.map { ", ended by \($0.rawValue)" } ?? "")
    }

    private func settings(_ spec: SamplerSpec, _ model: PlanModel) -> GenerationReport.Settings {
        .init(
            sampler: spec.kind, generation: spec.generation, diffusion: spec.diffusion,
            autoregressive: spec.autoregressive, lossless: spec.lossless,
            measuredInnerRecurrence: spec.measuredInnerRecurrence?.record.timing, adaptive: spec.adaptive,
            speculative: spec.speculative, kvBudget: model.cacheBudget, cacheFormat: model.cacheFormat,
            weights: model.plan.contents.settings.weights, threads: model.threads,
            instructionSet: model.instructionSet)
    }
}
