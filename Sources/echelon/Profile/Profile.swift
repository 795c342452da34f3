import ArgumentParser
import Plans
import Reports
import Runtime

extension RaggedCall.Function: ExpressibleByArgument {}

struct Profile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where the time goes, instruction by instruction and thread by thread.",
        discussion: """
            Records every instruction that every thread executes, and the waiting between them. The table says what each \
            kind of instruction takes of the time, and how far it is from its floor: the larger of its bytes over the \
            bandwidth and its operations over the peak that the machine was probed for. The trace is a timeline for \
            https://ui.perfetto.dev or chrome://tracing.

              echelon profile huginn.plan --rows 32 --context 512 -o trace.json
                  a step of diffusion forcing with 32 rows behind 512 positions
              echelon profile huginn.plan --function decode
                  a token of autoregressive decoding
              echelon profile huginn.plan "Why is the sky blue?" -o trace.json
                  a whole generation, with the options of generate
              echelon profile "Sam has 7 pens. Sam buys 5. How many pens does Sam have?"
                  the same of the small model inside this program
              echelon profile --config Tools/bench/huginn-0125.json --weights int8
                  a model of a configuration with random weights: no checkpoint is needed
              echelon profile --config Tools/bench/huginn-0125.json \\
                  --weights int8 --prompt-length 64 --max-new-tokens 8
                  a generation in int8; having no tokenizer, the model continues made-up
                  tokens, or those of --tokens

            MODEL is a plan or a checkpoint folder. docs/profiling.md explains the figures.
            """)

    @OptionGroup var prompting: PromptOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("A prompt of this many made-up tokens, which needs no tokenizer.", valueName: "count"))
    var promptLength: Int?

    @OptionGroup var configuration: ConfigurationOptions

    @Option(name: [.short, .long], help: ArgumentHelp("The timeline to write.", valueName: "trace.json"))
    var output: String?

    @Option(help: "Without a prompt: the function to call: step, decode or prefill (default: step).")
    var function: RaggedCall.Function?

    @Option(
        parsing: .unconditional,
        help: "Without a prompt: rows of a call (default: 32 for step, 1 for decode, 512 for prefill, or what fits).")
    var rows: Int?

    @Option(
        parsing: .unconditional,
        help: "Without a prompt: positions before the rows (default: 512 or what fits; 0 for prefill).")
    var context: Int?

    @Option(parsing: .unconditional, help: "Without a prompt: how often to call (default: 3).")
    var repeats: Int?

    @Option(
        parsing: .unconditional,
        help: "Executions of instructions to record on each thread; those beyond are counted and dropped.")
    var maxEvents = 250_000

    @Flag(help: "Print the table as one JSON object.")
    var json = false

    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup var opening: ModelOptions

    private var hasPrompt: Bool { promptLength != nil || prompting.hasPrompt }

    func validate() throws {
        if configuration.config != nil, !prompting.modelAndPrompt.isEmpty {
            throw ValidationError(
                "--config takes the place of MODEL, and has no tokenizer: give a prompt as --tokens or --prompt-length."
            )
        }
        if promptLength != nil, prompting.hasPrompt {
            throw ValidationError("--prompt-length takes the place of PROMPT and --tokens.")
        }
        if prompting.hasTextOptions, !prompting.hasPrompt {
            throw ValidationError("--system and --raw need a prompt of text.")
        }
        guard hasPrompt else {
            if sampling.sampler != .diffusion {
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

    /// What is recorded.
    private enum Work {
        case call(ProfileRun.Call)
        case generation(PromptOptions.Prompt)
    }

    private func profile() throws {
        let (path, prompt) = try prompting.read()
        try checkNumbers()
        if let output { try Terminal.checkPlace(output) }
        let measured = try MeasuredModel(
            path: path, configuration,
            opening.planning.settings(innerRecurrence: sampling.unrolledInnerRecurrence), opening)
        let work = try prompt.map(Work.generation) ?? work(measured.settings)
        let plan = try measured.plan()
        let model = try opening.model(plan, cacheBudget: sampling.cacheBudget())
        var run = ProfileRun(model, maxEvents: maxEvents)
        let recorder: ExecutionRecorder
        var generated: ProfileReport.Generated?
        switch work {
        case .generation(let prompt):
            let tokens = try prompt.tokens({ try TextTools(plan) }, prompting)
            let spec = sampling.spec(plan.contents.settings, defaults: try plan.generationConfiguration())
            (recorder, generated) = try run.generation(spec.sampler(of: tokens, shape: model.shape), kind: spec.kind)
        case .call(let call):
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

    // MARK: What is asked for

    private func checkNumbers() throws {
        // The rest of what may be asked for depends on the threads; the recording checks it.
        try requireOption(maxEvents, "--max-events", 1...1 << 30)
        if hasPrompt { return }
        try requireOption(repeats, "--repeats", 1...100_000)
        try requireOption(sampling.innerRecurrence, "--inner-recurrence", 0...100_000)
        try requireOption(sampling.recurrence, "--recurrence", 0...100_000)
    }

    /// Where there is no prompt on the command line.
    private func work(_ settings: PlanSettings) throws -> Work {
        guard let promptLength else { return .call(try call(settings)) }
        // At least one position is left for what is generated.
        try requireOption(promptLength, "--prompt-length", 1...max(1, settings.context - 1))
        return .generation(.tokens(BenchCalls.tokens(0..<promptLength, vocabulary: settings.vocabulary)))
    }

    private func call(_ settings: PlanSettings) throws -> ProfileRun.Call {
        let function = function ?? .step
        let maxRows = min(settings.maxRows, settings.context)
        try requireOption(rows, "--rows", 1...maxRows)
        let usual =
            switch function {
            case .step: (rows: 32, context: 512)
            case .decode: (rows: 1, context: 512)
            case .prefill: (rows: 512, context: 0)
            }
        let rows = rows ?? min(usual.rows, maxRows)
        let room = settings.context - rows
        try requireOption(context, "--context", 0...room)
        return ProfileRun.Call(
            function: function, rows: rows, context: context ?? min(usual.context, room),
            recurrences: function == .step ? sampling.innerRecurrence : sampling.recurrence ?? settings.recurrence)
    }
}
