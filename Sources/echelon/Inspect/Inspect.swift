import ArgumentParser
import Compiler
import Foundation
import Inspection
import PlanBuilder
import Plans
import Reports
import Safetensors

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a compiled model: its graphs at every stage, tapes, memory and costs.",
        discussion: """
              echelon inspect huginn.plan
                  operations before and after, instructions, barriers, bytes, milliseconds
              echelon inspect huginn.plan -o page.html
                  everything, as one page for a browser
              echelon inspect huginn.plan --function step
                  its fused graph, tape and memory, and what each pass gained; step.r4
                  is the copy unrolled for 4 recurrences
              echelon inspect huginn.plan --function decode --stage split-adapter
                  its graph after a pass; `source` is the graph before all passes,
                  `tape` is what the executor runs
              echelon inspect huginn.plan --function decode --diff fuse-gate
                  what a pass changed in it, as a diff
              echelon inspect huginn.plan --function decode -o decode.dot
                  its graph for Graphviz: dot -Tsvg decode.dot > decode.svg
              echelon inspect huginn.plan --verify
                  the same as the first, after comparing every byte with the checksums

            The stages are `source`, each pass of the plan (\(Pipeline(CompilerOptions()).passes.map(\.name)
                .joined(separator: ", ")) unless it was compiled with other passes), and `tape`.
            """)

    @Argument(help: "A plan, or a checkpoint folder to compile in memory.")
    var plan: String

    @Option(help: "Show one function.")
    var function: String?

    @Option(help: ArgumentHelp("Show the graph after a pass, or `source`, or `tape`.", valueName: "pass"))
    var stage: String?

    @Option(help: ArgumentHelp("Show what a pass changed, as a diff of the text form.", valueName: "pass"))
    var diff: String?

    @Option(
        help: """
            The output format: text, json (see docs/inspect.schema.json), dot (for Graphviz) or html (default: by the \
            extension of the output file, else text).
            """)
    var format: InspectFormat?

    @Flag(help: "Print JSON, as --format json does.")
    var json = false

    @Option(
        name: [.short, .long],
        help: "The file to write, which appears only when it is complete (default: standard output).")
    var output: String?

    @Flag(help: "With --format dot or --diff: show every copy of an unrolled recurrence instead of one for all.")
    var unfold = false

    @Option(parsing: .unconditional, help: "Rows of the call whose time is predicted, in the summary and in JSON.")
    var rows = 1

    @Option(parsing: .unconditional, help: "Positions before those rows (default: 512, or as many as fit).")
    var context: Int?

    @Flag(help: "Do not predict times, and so do not measure this machine.")
    var noProbe = false

    @OptionGroup var threading: ThreadOptions
    @OptionGroup var planning: PlanOptions

    /// The name of the last stage, which is not a pass.
    private static let tape = "tape"

    /// - Throws: ``ValidationError`` if the output's ending stands for no format.
    private func chosenFormat() throws -> InspectFormat {
        if json { return .json }
        return try format ?? output.map { try InspectFormat(fileName: $0) } ?? .text
    }

    func validate() throws {
        if json, let format, format != .json {
            throw ValidationError("--json and --format \(format.rawValue) contradict each other.")
        }
        let chosenFormat = try chosenFormat()
        if stage != nil, diff != nil { throw ValidationError("Give --stage or --diff, not both.") }
        if diff != nil, chosenFormat != .text { throw ValidationError("--diff prints text; leave out --format.") }
        switch chosenFormat {
        case .dot where function == nil:
            throw ValidationError("--format dot draws one function: name it with --function.")
        case .dot where stage == Self.tape:
            throw ValidationError("A tape is not a graph; --format dot draws only the stages before it.")
        case .html where stage != nil || function != nil:
            throw ValidationError("The page shows every function and stage; leave out --function and --stage.")
        default: break
        }
        if unfold, chosenFormat != .dot, diff == nil {
            throw ValidationError("--unfold applies only to --format dot and --diff.")
        }
        if rows < 1 { throw ValidationError("--rows is \(rows); it has to be at least 1.") }
        if let context, context < 0 { throw ValidationError("--context is \(context); it has to be at least 0.") }
    }

    func run() throws { try reportingFailures(inspect) }

    private func inspect() throws {
        let place = try OutputPlace(output, apartFrom: [self.plan])
        let plan = try planning.plan(at: plan)
        let compiler = ModelCompiler(try plan.architecture(), settings: plan.contents.settings)
        let record = try LoweringRecord(compiler)
        if let diff {
            let texts = StageText(record, plan)
            try place.write(try texts.difference(of: try known(diff, record), function: function, repeats: unfold))
            return
        }
        if let function, stage == nil || stage == Self.tape { try StageText(record, plan).check(function) }
        switch try chosenFormat() {
        case .text: try place.write(try text(plan, record, compiler))
        case .json: try place.write(try jsonText(plan, record, compiler) + "\n")
        case .html: try place.write(try InspectionPage(inspection(plan, record, compiler)).html())
        case .dot: try place.write(try dot(plan, record, compiler))
        }
    }

    private func inspection(_ plan: Plan, _ record: LoweringRecord, _ compiler: ModelCompiler) throws -> Inspection {
        var inspection = try Inspection(
            record, compiler: compiler, schedule: plan.contents.schedule,
            plan: URL(filePath: FilePath.readable(self.plan)).lastPathComponent, bytes: plan.byteCount,
            hasWeights: plan.hasWeights, only: function.map { [$0] })
        inspection.cacheMemory = InspectedCacheMemory.all(of: plan)
        return inspection
    }

    private func predictedInspection(
        _ plan: Plan, _ call: InspectCall, _ record: LoweringRecord, _ compiler: ModelCompiler
    ) throws -> Inspection {
        let inspection = try inspection(plan, record, compiler)
        if noProbe { return inspection }
        let prediction = try InspectPrediction(plan, call, threads: threading.resolved())
        return prediction.added(to: inspection)
    }

    private func text(_ plan: Plan, _ record: LoweringRecord, _ compiler: ModelCompiler) throws -> String {
        if let stage {
            let texts = StageText(record, plan)
            return stage == Self.tape
                ? try texts.tapes(function: function) : try texts.graph(try known(stage, record), function: function)
        }
        if let function {
            return try StageText(record, plan).everything(of: function, inspection(plan, record, compiler))
        }
        let call = try InspectCall(plan, rows: rows, context: context)
        let inspection = try predictedInspection(plan, call, record, compiler)
        return InspectSummary(inspection, plan, call, name: self.plan).text
    }

    private func jsonText(_ plan: Plan, _ record: LoweringRecord, _ compiler: ModelCompiler) throws -> String {
        guard let stage else {
            let call = try InspectCall(plan, rows: rows, context: context)
            return try predictedInspection(plan, call, record, compiler).json()
        }
        return try ReportJSON.text(of: StageReport(stage: stage, graph: try text(plan, record, compiler)))
    }

    private func dot(_ plan: Plan, _ record: LoweringRecord, _ compiler: ModelCompiler) throws -> String {
        let number = try stage.map { try known($0, record) } ?? record.stages.count - 1
        let inspection = try inspection(plan, record, compiler)
        guard let function = inspection.functions.first,
            let stage = function.stages.first(where: { $0.stage == number })
        else {
            throw CommandError("There is no function \(function ?? "") after \(record.stages[number].name).")
        }
        return DotGraph(inspection, function, stage, folding: !unfold).text
    }

    /// The number of a stage of this plan.
    private func known(_ name: String, _ record: LoweringRecord) throws -> Int {
        if let number = record.index(of: name) { return number }
        if diff == nil, name == Self.tape { return record.stages.count - 1 }
        let names = record.stages.map(\.name) + (diff == nil ? [Self.tape] : [])
        throw CommandError(
            "There is no stage \(name) in this plan. The stages are \(names.joined(separator: ", ")).")
    }
}
