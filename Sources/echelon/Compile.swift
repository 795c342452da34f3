import ArgumentParser
import Checkpoints
import Compiler
import Foundation
import IR
import PlanBuilder
import Plans

struct Compile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compile a checkpoint folder to a plan file.",
        discussion: """
            CHECKPOINT is a folder with config.json, model.safetensors (or shards with their index) and, for text, \
            tokenizer.json and tokenizer_config.json. The plan holds everything that running needs; it appears under \
            its name only when it is complete.

              echelon compile path/to/huginn-0125 -o huginn.plan --weights bf16
              echelon compile path/to/huginn-0125 -o huginn.plan --weights int4 --weights-for head=int8
              echelon compile path/to/huginn-0125 -o huginn.plan --print-after fuse-gate

            A checkpoint that ties embedding and head has one matrix for both, in one format.

            Passes, in order: \(Pipeline(CompilerOptions()).passes.map(\.name).joined(separator: ", ")).
            """)

    @Argument(help: "The checkpoint folder.")
    var checkpoint: String

    @Option(name: [.short, .long], help: "Where to write the plan.")
    var output: String

    @Option(
        help: """
            Format of the matrices: f32, the reference; bf16, half the bytes a pass; int8, a quarter, with a scale for \
            each output; int4, a seventh, with a scale for every 32 inputs. Rows are quantized to int8 for the last two.
            """)
    var weights: WeightFormat = .f32

    @Option(
        help: ArgumentHelp(
            "Format of the matrices whose names match a pattern (*, ?, [a-z]), or of `embedding` or `head`. May be given "
                + "again; the first that matches counts.",
            valueName: "pattern=format"))
    var weightsFor: [WeightRule] = []

    @Option(
        parsing: .unconditional,
        help: "Recurrences of a decode to unroll (default: the checkpoint's mean). Others run as a loop.")
    var recurrence: Int?

    @Option(parsing: .unconditional, help: "Recurrences of a diffusion forcing step to unroll. Others run as a loop.")
    var innerRecurrence = 4

    @Option(parsing: .unconditional, help: "The most rows of one call, so the longest prompt (default: the context).")
    var maxRows: Int?

    @Option(parsing: .unconditional, help: "The longest sequence in tokens (default: the checkpoint's).")
    var context: Int?

    @Option(help: ArgumentHelp("Print the module after a pass, or after each with `all`.", valueName: "pass"))
    var printAfter: [String] = []

    @Flag(help: "Print one JSON object about the plan.")
    var json = false

    private struct Report: Encodable {
        var plan: String
        var bytes: Int
        var seconds: Double
        var settings: PlanSettings
        var functions: [FunctionReport]
    }

    func validate() throws {
        let known = Pipeline(CompilerOptions()).passes.map(\.name)
        for name in printAfter where name != "all" && !known.contains(name) {
            throw ValidationError("There is no pass \(name). The passes are \(known.joined(separator: ", ")), and all.")
        }
    }

    func run() throws { try reportingFailures(compile) }

    private func compile() throws {
        let start = ContinuousClock.now
        let compiler = try CheckpointCompiler(
            Checkpoint(folder: checkpoint),
            CompilationSettings(
                weights: weights, weightRules: weightsFor, recurrence: recurrence, innerRecurrence: innerRecurrence,
                maxRows: maxRows, context: context))
        let lowered = try compiler.model.lower { pass, module in
            guard printAfter.contains("all") || printAfter.contains(pass.name) else { return }
            try Terminal.write("// after \(pass.name): \(pass.summary)\n\(module)\n")
        }
        var progress = ProgressLine("packing weights")
        try compiler.write(lowered, to: output) { done, total in
            progress.show("\(done * 100 / max(total, 1))% of \(megabytes(total))")
            try Interrupt.check()
        }
        progress.clear()

        let plan = try Plan(path: output)
        let duration = ContinuousClock.now - start
        let report = Report(
            plan: output, bytes: plan.byteCount, seconds: duration / .seconds(1), settings: plan.contents.settings,
            functions: plan.contents.schedule.functions.map(FunctionReport.init))
        if json {
            try Terminal.writeJSON(report)
        } else {
            Terminal.note(
                "\(output): \(megabytes(report.bytes)), \(weights.rawValue) weights, \(report.functions.count) functions, "
                    + "in \(decimals(report.seconds, 1)) s")
        }
    }
}

func megabytes(_ bytes: Int) -> String { "\(decimals(Double(bytes) / 1e6, 1)) MB" }

func decimals(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }
