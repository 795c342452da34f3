import ArgumentParser
import Plans
import Reports
import Runtime

extension RaggedCall.Function: ExpressibleByArgument {}

struct Profile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where the time goes, by instruction and by thread.",
        discussion: """
            Records every instruction that a thread executes, and the waits between them. The table shows the share of \
            the time that each kind of instruction takes, and how close it comes to its floor: the larger of bytes over \
            the probed bandwidth and operations over the probed peak. The trace is a timeline for \
            https://ui.perfetto.dev or chrome://tracing.

              echelon profile huginn.plan --rows 32 --context 512 -o trace.json
                  a step of diffusion forcing with 32 rows after 512 positions
              echelon profile huginn.plan --function decode
                  a token of autoregressive decoding
              echelon profile huginn.plan "Why is the sky blue?" -o trace.json
                  a whole generation, with the options of generate
              echelon profile "Sam has 7 pens. Sam buys 5. How many pens does Sam have?"
                  the same with the small model embedded in this program
              echelon profile --config Tools/bench/huginn-0125.json --weights int8
                  a configuration with random weights; no checkpoint is needed
              echelon profile --config Tools/bench/huginn-0125.json \\
                  --weights int8 --prompt-length 64 --max-new-tokens 8
                  a generation without a tokenizer: the model continues made-up tokens,
                  or those of --tokens

            MODEL is a plan or a checkpoint folder. docs/profiling.md explains the figures.
            """)

    @OptionGroup var prompting: PromptOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Use a prompt of this many made-up tokens, which needs no tokenizer.", valueName: "count"))
    var promptLength: Int?

    @OptionGroup var configuration: ConfigurationOptions

    @Option(name: [.short, .long], help: ArgumentHelp("The file to write the timeline to.", valueName: "trace.json"))
    var output: String?

    @Option(help: "Without a prompt: the function to call: step, decode, resume or prefill (default: step).")
    var function: RaggedCall.Function?

    @Option(
        parsing: .unconditional,
        help:
            "Without a prompt: rows per call (default: 32 for step, 1 for decode and resume, 512 for prefill, or as many as fit)."
    )
    var rows: Int?

    @Option(
        parsing: .unconditional,
        help: "Without a prompt: positions before the rows (default: 0 for prefill, else 512 or as many as fit).")
    var context: Int?

    @Option(parsing: .unconditional, help: "Without a prompt: number of calls (default: 3).")
    var repeats: Int?

    @Option(
        parsing: .unconditional,
        help: "Maximum number of instruction executions to record per thread; later ones are only counted.")
    var maxEvents = 250_000

    @Flag(help: "Print the table as one JSON object.")
    var json = false

    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup var opening: ModelOptions

    private var hasPrompt: Bool { promptLength != nil || prompting.hasPrompt }

    func validate() throws {
        if configuration.config != nil, !prompting.modelAndPrompt.isEmpty {
            throw ValidationError(
                "--config replaces MODEL and has no tokenizer: give a prompt as --tokens or --prompt-length."
            )
        }
        if promptLength != nil, prompting.hasPrompt {
            throw ValidationError("--prompt-length replaces PROMPT and --tokens; give one of them.")
        }
        if prompting.hasTextOptions, !prompting.hasPrompt {
            throw ValidationError("--system and --raw need a prompt of text.")
        }
        guard hasPrompt else {
            if let sampler = sampling.sampler, sampler != .diffusion {
                throw ValidationError("--sampler needs a prompt; --function decode profiles single decodes.")
            }
            return
        }
        let ofCalls = [
            ("--function", function != nil), ("--rows", rows != nil), ("--context", context != nil),
            ("--repeats", repeats != nil),
        ]
        if let (option, _) = ofCalls.first(where: \.1) {
            throw ValidationError("\(option) is for single calls; with a prompt the sampler decides.")
        }
    }

    func run() throws { try reportingFailures(profile) }

    /// The work that is recorded.
    private enum Work {
        case call(ProfileRun.Call)
        case generation(PromptOptions.Prompt)
    }

    private func profile() throws {
        let (path, prompt) = try prompting.read()
        try checkNumbers()
        if let output {
            try OutputPlace.checkFile(output, of: "a trace", apartFrom: [path, configuration.config])
        }
        let measured = try MeasuredModel(
            path: path, configuration,
            opening.planning.settings(innerRecurrence: sampling.unrolledInnerRecurrence), opening)
        let work = try prompt.map(Work.generation) ?? work(measured.settings)
        let plan = try measured.plan()
        let budget = try sampling.cacheBudget(plan.contents.settings)
        let model: PlanModel
        var run: ProfileRun
        let recorder: ExecutionRecorder
        var generated: ProfileReport.Generated?
        switch work {
        case .generation(let prompt):
            let tokens = try prompt.tokens({ try TextTools(plan.contents.documents) }, prompting)
            let defaults = try sampling.defaults(of: plan)
            let positions = try sampling.positions(after: tokens.count, plan.contents.settings, defaults: defaults)
            model = try opening.model(plan, context: positions, cacheBudget: budget)
            run = ProfileRun(model, maxEvents: maxEvents)
            let spec = try sampling.spec(model, defaults: defaults, promptCount: tokens.count)
            let sampler = try spec.sampler(of: tokens, shape: model.shape)
            if let measured = spec.measuredInnerRecurrence { Terminal.note(measured.text) }
            (recorder, generated) = try run.generation(sampler, kind: spec.kind)
        case .call(let call):
            model = try opening.model(plan, context: call.context + call.rows, cacheBudget: budget)
            run = ProfileRun(model, maxEvents: maxEvents)
            recorder = try run.repeated(call, repeats: repeats ?? 3)
        }
        let costs = InstructionCosts(model, run.probe)
        let report = ProfileReport(recorder, of: model, named: measured.name, generation: generated, costs, run.probe)
        if let output {
            var trace = ProfileTrace(recorder, of: plan, costs)
            try trace.write(to: output, named: measured.name)
        }
        if json { try Terminal.writeJSON(report) } else { try Terminal.write(ProfileTable(report).text) }
        if let output { Terminal.note("\(output): \(report.events) events") }
    }

    // MARK: Checking the options

    private func checkNumbers() throws {
        // The limit on events also depends on the number of threads, which the recording checks.
        try requireOption(maxEvents, "--max-events", 1...1 << 30)
        if hasPrompt { return }
        try requireOption(repeats, "--repeats", 1...100_000)
        try requireOption(sampling.innerRecurrence, "--inner-recurrence", 0...100_000)
        try requireOption(sampling.recurrence, "--recurrence", 0...100_000)
    }

    /// The work if there is no prompt on the command line.
    private func work(_ settings: PlanSettings) throws -> Work {
        guard let promptLength else { return .call(try call(settings)) }
        // At least one position is left for the generated tokens.
        try requireOption(promptLength, "--prompt-length", 1...max(1, settings.context - 1))
        return .generation(.tokens(BenchCalls.tokens(0..<promptLength, vocabulary: settings.vocabulary)))
    }

    private func call(_ settings: PlanSettings) throws -> ProfileRun.Call {
        let function = function ?? (settings.model.injectsInput ? .step : .decode)
        guard function != .step || settings.model.injectsInput else {
            throw UsageError(
                "--function step needs a model that reads its input in every recurrence, and models of the family "
                    + "\(settings.model.architecture) read it once; profile decode.")
        }
        let maxRows = min(settings.maxRows, settings.context)
        try requireOption(rows, "--rows", 1...maxRows)
        let usual =
            switch function {
            case .step: (rows: 32, context: 512)
            case .decode, .resume: (rows: 1, context: 512)
            case .prefill: (rows: 512, context: 0)
            }
        let rows = rows ?? min(usual.rows, maxRows)
        let room = settings.context - rows
        try requireOption(context, "--context", 0...room)
        return ProfileRun.Call(
            function: function, rows: rows, context: context ?? min(usual.context, room),
            recurrences: function == .step ? sampling.stepRecurrence : sampling.recurrence ?? settings.recurrence)
    }
}
