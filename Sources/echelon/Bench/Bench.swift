import ArgumentParser
import Foundation
import PlanBuilder
import Plans
import Reports
import Runtime

/// What `bench` can measure by itself.
enum BenchPart: String, CaseIterable, ExpressibleByArgument {
    case matrices, functions
}

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model beside what the machine can do.",
        discussion: """
            Probes the machine first (how fast it reads memory, how fast it multiplies), and again throughout; then times \
            the model's matrices and its compiled functions. Beside each time stands its floor, the larger of the bytes over \
            the probed bandwidth and the operations over the probed peak, and the time as a multiple of it.

              echelon bench huginn.plan
                  a compiled model
              echelon bench --config Tools/bench/huginn-0125.json --weights bf16
                  a model of a configuration with random weights: no checkpoint is needed
              echelon bench --quick
                  a glance at the small model inside this program

            A step is one pass of diffusion forcing over that many rows; its tokens/s are of one token a step. The \
            machine's other work shows in every figure: compare only what one run gives. ECHELON_ISA=avx2 and the like \
            choose the instruction set. docs/performance.md explains the figures.
            """)

    @Argument(help: "A plan, or a checkpoint folder to compile in memory (default: the model inside this program).")
    var model: String?

    @OptionGroup var configuration: ConfigurationOptions

    @Option(
        parsing: .unconditional,
        help: "Row counts to measure (default: 1,8,16,32,64,96,128, as far as the model allows).")
    var rows: RowCounts?

    @Option(parsing: .unconditional, help: "Positions before the rows of a step (default: 512, or as many as fit).")
    var context: Int?

    @Option(
        parsing: .unconditional, help: "Times that everything is measured; medians are reported (default: 5).")
    var repeats: Int?

    @Option(
        parsing: .unconditional,
        help: "Recurrences of the prefill (default: the model's, which takes a while for a large one).")
    var prefillRecurrence: Int?

    @Option(help: "Measure only one part: matrices or functions.")
    var only: BenchPart?

    @Option(
        help: ArgumentHelp(
            "Leave out one of the compiler's passes when MODEL is a checkpoint or a configuration. May be given again.",
            valueName: "pass"))
    var disablePass: [String] = []

    @Flag(help: "A short run with few rows, for a glance: --rows 1,8 --context 32 --repeats 2 --prefill-recurrence 1.")
    var quick = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var opening: ModelOptions

    func validate() throws {
        if model != nil, configuration.config != nil {
            throw ValidationError("--config takes the place of a plan or checkpoint.")
        }
        try checkingPasses { _ = try PassChoice.names(nil, without: disablePass) }
    }

    func run() throws { try reportingFailures(bench) }

    private func bench() throws {
        try requireOption(repeats, "--repeats", 1...1000)
        try requireOption(prefillRecurrence, "--prefill-recurrence", 0...100_000)
        var settings = opening.planning.settings()
        settings.passes = try PassChoice.names(nil, without: disablePass)
        if let model, case .plan = try ModelSource(path: model), !disablePass.isEmpty {
            throw CommandError("--disable-pass is for what bench compiles itself, and \(model) is a plan already.")
        }
        let measured = try MeasuredModel(path: model, configuration, settings, opening)
        let size = try size(measured.settings)
        try measure(measured.plan(), measured.name, size)
    }

    private func measure(_ plan: Plan, _ name: String, _ size: Size) throws {
        let model = try opening.model(plan)
        var run = BenchRun(
            plan, model: model, rowCounts: size.rowCounts, context: size.context, repeats: repeats ?? (quick ? 2 : 5),
            prefillRecurrence: prefillRecurrence ?? (quick ? 1 : plan.contents.settings.recurrence), quick: quick)
        let parts = only.map { [$0] } ?? Set(BenchPart.allCases)
        let report = try run.report(named: name, parts: parts)
        if json { try Terminal.writeJSON(report) } else { try Terminal.write(BenchTable(report).text) }
    }

    // MARK: Sizes

    private struct Size {
        var rowCounts: [Int]
        var context: Int
    }

    private func size(_ settings: PlanSettings) throws -> Size {
        let rowCounts = try usableRows(settings)
        let most = rowCounts.max() ?? 1
        let room = settings.context - most
        if let context, !(1...room).contains(context) {
            throw CommandError(
                "--context is \(context); with \(most) rows after it, this model has room for 1 to \(room) positions.")
        }
        return Size(rowCounts: rowCounts, context: min(context ?? (quick ? 32 : 512), room))
    }

    /// The row counts asked for, or those of the usual ones that one call can have with a position before them.
    private func usableRows(_ settings: PlanSettings) throws -> [Int] {
        let most = min(settings.maxRows, settings.context - 1)
        guard most >= 1 else {
            throw CommandError("The model has a context of \(settings.context); measuring needs at least 2 positions.")
        }
        guard let asked = rows?.counts else {
            let usual = quick ? [1, 8] : [1, 8, 16, 32, 64, 96, 128]
            return usual.filter { $0 <= most }
        }
        for count in asked { try requireOption(count, "--rows", 1...most) }
        return Set(asked).sorted()
    }
}
