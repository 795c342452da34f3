import ArgumentParser
import Compiler
import IR
import PlanBuilder
import Plans

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a plan holds: functions, graphs at every stage, tapes, memory.",
        discussion: """
              echelon inspect huginn.plan
                  the configuration, the functions and their sizes
              echelon inspect huginn.plan --function step
                  its fused graph, tape and memory plan; step.r4 is the copy unrolled for 4 recurrences
              echelon inspect huginn.plan --verify
                  the same, once every byte has been compared with the plan's checksums
              echelon inspect huginn.plan --stage split-adapter --function decode
                  its graph after a pass; `source` is the graph before all passes

            Stages: source, \(Pipeline(CompilerOptions()).passes.map(\.name).joined(separator: ", ")).
            """)

    @Argument(help: "A plan, or a checkpoint folder to compile in memory.")
    var plan: String

    @Option(help: "Show one function in full.")
    var function: String?

    @Option(help: ArgumentHelp("Show the graph after a pass.", valueName: "pass"))
    var stage: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var compilation: CompileOnTheFlyOptions
    @OptionGroup var verifying: VerificationOptions

    private struct Report: Encodable {
        var settings: PlanSettings
        var bytes: Int
        var weights: [ScheduledWeight]
        var caches: [ScheduledCache]
        var functions: [FunctionReport]
    }

    private struct FunctionDetail: Encodable {
        var summary: FunctionReport
        var graph: String
        var tape: ScheduledFunction
    }

    private struct StageReport: Encodable {
        var stage: String
        var graph: String
    }

    func validate() throws {
        let known = ["source"] + Pipeline(CompilerOptions()).passes.map(\.name)
        if let stage, !known.contains(stage) {
            throw ValidationError("There is no stage \(stage). The stages are \(known.joined(separator: ", ")).")
        }
    }

    func run() throws { try reportingFailures(inspect) }

    private func inspect() throws {
        let plan = try ModelSource(path: plan).plan(compilation.settings(), verifying: verifying.verification)
        let compiler = ModelCompiler(
            configuration: try plan.huginnConfiguration(), settings: plan.contents.settings)
        if let stage {
            let text = try graph(compiler, stage: stage)
            if json { try Terminal.writeJSON(StageReport(stage: stage, graph: text)) } else { try Terminal.write(text) }
        } else if let function {
            try show(function, of: plan, compiler)
        } else {
            let schedule = plan.contents.schedule
            let report = Report(
                settings: plan.contents.settings, bytes: plan.byteCount, weights: schedule.weights,
                caches: schedule.caches, functions: schedule.functions.map(FunctionReport.init))
            if json { try Terminal.writeJSON(report) } else { try Terminal.write(text(report)) }
        }
    }

    // MARK: Graphs

    /// The module's text after a stage, or that of one of its functions.
    private func graph(_ compiler: ModelCompiler, stage: String) throws -> String {
        var module = try compiler.sourceModule()
        if stage != "source" {
            var found: Module?
            _ = try compiler.lower { pass, after in if pass.name == stage { found = after } }
            guard let found else { throw CommandError("This plan was compiled without the pass \(stage).") }
            module = found
        }
        guard let function else { return "\(module)\n" }
        guard let wanted = module.function(function) else {
            throw CommandError(
                "There is no function \(function) after \(stage). There are "
                    + "\(module.functions.map(\.name).joined(separator: ", ")).")
        }
        return "\(wanted)\n"
    }

    private func show(_ name: String, of plan: Plan, _ compiler: ModelCompiler) throws {
        let functions = plan.contents.schedule.functions
        guard let function = functions.first(where: { FunctionReport($0).label == name }) else {
            throw CommandError(
                "The plan has no function \(name). It has "
                    + "\(functions.map { FunctionReport($0).label }.joined(separator: ", ")).")
        }
        let graph = try compiler.lower().function(name)?.description ?? ""
        if json {
            try Terminal.writeJSON(FunctionDetail(summary: FunctionReport(function), graph: graph, tape: function))
        } else {
            let tape = TapeListing(function, plan.contents.schedule)
            try Terminal.write("\(graph)\n\n\(tape.instructions)\n\n\(tape.memory)\n")
        }
    }

    // MARK: The summary

    private func text(_ report: Report) -> String {
        let settings = report.settings
        var lines = [
            "\(plan): \(megabytes(report.bytes))",
            "width \(settings.width), vocabulary \(settings.vocabulary), context \(settings.context), "
                + "at most \(settings.maxRows) rows a call",
            "",
        ]
        for format in WeightFormat.allCases {
            let weights = report.weights.filter { $0.format == format }
            if weights.isEmpty { continue }
            lines.append(
                "\(format.rawValue) weights: \(weights.count), \(megabytes(weights.compactMap(\.byteCount).reduce(0, +)))")
        }
        let position = report.caches.map { $0.heads * $0.dim * 2 * 4 }.reduce(0, +)
        lines += ["caches: \(report.caches.count), \(position) bytes a position with a budget of 1", ""]
        lines.append(row("function", "instructions", "barriers", "arena/row", "without planning"))
        for function in report.functions {
            lines.append(
                row(
                    function.label, "\(function.instructions)", "\(function.barriers)", "\(function.arenaBytesPerRow) B",
                    "\(function.unplannedBytesPerRow) B"))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ name: String, _ columns: String...) -> String {
        name.padding(toLength: 20, withPad: " ", startingAt: 0)
            + columns.map { String(repeating: " ", count: max(1, 18 - $0.count)) + $0 }.joined()
    }
}
