import Architectures
import ArgumentParser
import Checkpoints
import Compiler
import Foundation
import IR
import NumberFormats
import PlanBuilder
import Plans
import Reports

struct Compile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compile a checkpoint folder to a plan file.",
        discussion: """
            CHECKPOINT is a folder with config.json, model.safetensors (or shards with their index) and, for text, \
            tokenizer.json and tokenizer_config.json. The plan holds everything that is needed to run the model. The \
            file appears only when it is complete.

              echelon compile path/to/huginn-0125 -o huginn.plan --weights bf16
              echelon compile huginn-0125 -o h.plan --weights int4 --weights-for head=int8
              echelon compile path/to/huginn-0125 -o huginn.plan --print-after fuse-gate
              echelon compile path/to/huginn-0125 -o unfused.plan --disable-pass fuse-gate
                  the same model without one pass, to see what the pass gains
              echelon compile --config Tools/bench/huginn-0125.json --no-weights -o h.plan
                  a plan of a configuration, which can be inspected but not run

            If a checkpoint ties embedding and head, they are one matrix with one format.

            Passes, in order: \(Pipeline.standardNames.joined(separator: ", ")). Any of them can be left out, except \
            lower-weights if a matrix is not f32. `echelon opt --list-passes` says what they do and which order they need.
            """)

    @Argument(help: "The checkpoint folder.")
    var checkpoint: String?

    @Option(
        help: ArgumentHelp(
            "Compile this configuration instead of a checkpoint; needs --no-weights.", valueName: "config.json"))
    var config: String?

    @Option(name: [.short, .long], help: "The plan file to write.")
    var output: String

    @Flag(help: "Write a plan without weights, which takes a moment. It can be inspected but not run.")
    var noWeights = false

    @Option(
        help: """
            Weight format of the matrices. \(weightFormatSummary)
            """)
    var weights: ElementType = .f32

    @Option(
        help: ArgumentHelp(
            "Weight format of the matrices whose names match a pattern (*, ?, [a-z]), or of `embedding` or `head`. May be "
                + "given several times; the first pattern that matches counts.",
            valueName: "pattern=format"))
    var weightsFor: [WeightRule] = []

    @Option(
        parsing: .unconditional,
        help: "Recurrences for which decode is unrolled (default: the checkpoint's mean). Other numbers run as a loop.")
    var recurrence: Int?

    @Option(
        parsing: .unconditional,
        help:
            "Recurrences for which the steps of samplers are unrolled (default: 4; 1 for a model that reads its input once). Other numbers run as a loop."
    )
    var innerRecurrence: Int?

    @Option(
        parsing: .unconditional,
        help: "Maximum number of rows in a call, and so the length of the longest prompt (default: the context).")
    var maxRows: Int?

    @Option(parsing: .unconditional, help: "Maximum length of a sequence in tokens (default: the checkpoint's).")
    var context: Int?

    @Option(
        help: ArgumentHelp("Run only these passes, in this order. Separate the names by commas.", valueName: "list"))
    var passes: String?

    @Option(help: ArgumentHelp("Leave out a pass. May be given several times.", valueName: "pass"))
    var disablePass: [String] = []

    @Option(help: ArgumentHelp("Print the module after a pass, or after every pass with `all`.", valueName: "pass"))
    var printAfter: [String] = []

    @Flag(help: "Print one JSON object about the plan.")
    var json = false

    func validate() throws {
        if checkpoint != nil, config != nil {
            throw ValidationError("--config replaces the checkpoint folder; give one of the two.")
        }
        if checkpoint == nil, config == nil {
            throw ValidationError("Give a checkpoint folder, or a configuration with --config and --no-weights.")
        }
        if config != nil, !noWeights {
            throw ValidationError(
                "A configuration has no weights: add --no-weights for a plan to inspect, or give a checkpoint folder. "
                    + "`echelon bench --config` runs a configuration with random weights.")
        }
        try checkingPasses { try PassPrinter.check(printAfter, Pipeline(options, passes: passNames())) }
    }

    /// The compiler options that the check of the passes needs.
    private var options: CompilerOptions {
        CompilerOptions(weights: weights, rules: weightsFor)
    }

    private func passNames() throws -> [String] { try PassChoice.names(passes, without: disablePass) }

    func run() throws { try reportingFailures(compile) }

    private func compile() throws {
        let start = ContinuousClock.now
        try OutputPlace.checkFile(output, of: "a plan", apartFrom: [checkpoint, config])
        try checkNumbers()
        let settings = CompilationSettings(
            weights: weights, weightRules: weightsFor, recurrence: recurrence, innerRecurrence: innerRecurrence,
            maxRows: maxRows, context: context, passes: try passNames())
        if let checkpoint {
            try compile(CheckpointCompiler(Checkpoint(folder: checkpoint), settings))
        } else if let config {
            let text = try configurationText(at: config)
            let model = try ModelCompiler(ArchitectureRegistry.architecture(json: text, name: config), settings)
            let documents = [CheckpointDocument.configuration.rawValue: text]
            try Plan.writeWithoutWeights(model.contents(lower(model), documents: documents), to: output)
        }
        let report = CompileReport(try Plan(path: output), path: output, took: ContinuousClock.now - start)
        if json { try Terminal.writeJSON(report) } else { Terminal.note(report.text) }
    }

    /// Checks the numbers that are out of range for any checkpoint.
    private func checkNumbers() throws {
        try requireOption(recurrence, "--recurrence", 0...ModelCompiler.maxUnrolled)
        try requireOption(innerRecurrence, "--inner-recurrence", 1...ModelCompiler.maxUnrolled)
        try requireOption(maxRows, "--max-rows", 1...Int(Int32.max))
        try requireOption(context, "--context", 1...Int(Int32.max))
    }

    private func compile(_ compiler: CheckpointCompiler) throws {
        let lowered = try lower(compiler.model)
        if noWeights { return try compiler.writeWithoutWeights(lowered, to: output) }
        var progress = ProgressLine("packing weights")
        defer { progress.clear() }
        try compiler.write(lowered, to: output) { done, total in
            progress.show(done, of: total)
            try Interrupt.check()
        }
    }

    private func lower(_ model: ModelCompiler) throws -> Module {
        let printer = PassPrinter(printAfter)
        return try model.lower { pass, module in
            try printer.text(after: pass, module).map { try Terminal.write($0) }
            try Interrupt.check()
        }
    }
}
