import ArgumentParser
import Foundation
import PlanBuilder
import Plans
import Reports
import Runtime

/// The parts that `bench` can measure separately.
enum BenchPart: String, CaseIterable, ExpressibleByArgument {
    case matrices, functions, lossless

    /// The parts that are measured if none is named.
    static let usual: Set<BenchPart> = [.matrices, .functions]
}

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model and compare it with the limits of the machine.",
        discussion: """
            Probes how fast the machine reads memory and multiplies, and times the model's matrices and its compiled \
            functions. Each time is printed with its floor, which is the larger of bytes over bandwidth and operations \
            over peak, and as a multiple of the floor. The probes are repeated throughout the run.

              echelon bench huginn.plan
                  a compiled model
              echelon bench --config Tools/bench/huginn-0125.json --weights bf16
                  a configuration with random weights; no checkpoint is needed
              echelon bench --quick
                  a short run with the small model embedded in this program
              echelon bench --only lossless --inner-recurrences 2,4 --wrong-drafts 0,10
                  the lossless wavefront next to autoregressive decoding, made-up tokens

            A step is one pass of diffusion forcing over the given number of rows; its tokens/s assume one token per \
            step. Other work on the machine disturbs every figure, so compare only figures of one run. The environment \
            variable ECHELON_ISA, for example ECHELON_ISA=avx2, selects the instruction set. docs/performance.md \
            explains the figures.
            """)

    @Argument(help: "A plan, or a checkpoint folder to compile in memory (default: the embedded model).")
    var model: String?

    @OptionGroup var configuration: ConfigurationOptions

    @Option(
        parsing: .unconditional,
        help: "Row counts to measure (default: those of 1,8,16,32,64,96,128 that the model allows).")
    var rows: RowCounts?

    @Option(parsing: .unconditional, help: "Positions before the rows of a step (default: 512, or as many as fit).")
    var context: Int?

    @Option(
        parsing: .unconditional,
        help: "Number of times that everything is measured; the medians are reported (default: 5).")
    var repeats: Int?

    @Option(
        parsing: .unconditional,
        help: "Recurrences of the prefill (default: the model's, which is slow for a large model).")
    var prefillRecurrence: Int?

    @Option(help: "Measure only one part: matrices, functions or lossless (default: matrices and functions).")
    var only: BenchPart?

    @Option(parsing: .unconditional, help: "lossless: values of r' to measure (default: 1,2,4,8).")
    var innerRecurrences: RowCounts?

    @Option(parsing: .unconditional, help: "lossless: percentages of drafts that are wrong (default: 0).")
    var wrongDrafts: RowCounts?

    @Option(parsing: .unconditional, help: "lossless: r (default: the model's).")
    var recurrence: Int?

    @Option(parsing: .unconditional, help: "lossless: sequences that share the steps (default: 1).")
    var sequences = 1

    @Option(parsing: .unconditional, help: "lossless: tokens of each sequence that are timed (default: 16).")
    var tokens: Int?

    @Option(
        help: ArgumentHelp(
            "Leave out a compiler pass if MODEL is a checkpoint or a configuration. May be given several times.",
            valueName: "pass"))
    var disablePass: [String] = []

    @Flag(help: "Do a short run: --rows 1,8 --context 32 --repeats 2 --prefill-recurrence 1.")
    var quick = false

    @Flag(help: "Print one JSON object with all figures.")
    var json = false

    @OptionGroup var opening: ModelOptions

    func validate() throws {
        if model != nil, configuration.config != nil {
            throw ValidationError("--config replaces the plan or checkpoint; give one of the two.")
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
            throw CommandError(
                "--disable-pass is only for checkpoints and configurations, which bench compiles; \(model) is a plan already."
            )
        }
        let measured = try MeasuredModel(path: model, configuration, settings, opening)
        if only == .lossless {
            let size = try losslessSize(measured.settings)
            try measureLossless(measured.plan(), measured.name, size)
        } else {
            let size = try size(measured.settings)
            try measure(measured.plan(), measured.name, size)
        }
    }

    private func measureLossless(_ plan: Plan, _ name: String, _ size: BenchLossless.Size) throws {
        let recurrence = recurrence ?? plan.contents.settings.recurrence
        let model = try opening.model(
            plan, sequences: size.sequences, context: BenchLossless.positions(size, recurrence: recurrence),
            cacheBudget: recurrence)
        var run = BenchLossless(plan, model: model, size: size, quick: quick)
        let report = try run.report(named: name)
        if json { try Terminal.writeJSON(report) } else { try Terminal.write(BenchTable(report).text) }
    }

    private func measure(_ plan: Plan, _ name: String, _ size: Size) throws {
        let model = try opening.model(plan, context: size.context + (size.rowCounts.max() ?? 1))
        var run = BenchRun(
            plan, model: model, rowCounts: size.rowCounts, context: size.context, repeats: repeats ?? (quick ? 2 : 5),
            prefillRecurrence: prefillRecurrence ?? (quick ? 1 : plan.contents.settings.recurrence), quick: quick)
        let parts = only.map { [$0] } ?? BenchPart.usual
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
            throw UsageError(
                "--context is \(context); with \(most) rows after it, this model has room for 1 to \(room) positions.")
        }
        return Size(rowCounts: rowCounts, context: min(context ?? (quick ? 32 : 512), room))
    }

    private func losslessSize(_ settings: PlanSettings) throws -> BenchLossless.Size {
        let r = recurrence ?? settings.recurrence
        try requireOption(recurrence, "--recurrence", 1...100_000)
        try requireOption(sequences, "--sequences", 1...10_000)
        try requireOption(tokens, "--tokens", 1...100_000)
        let inner = (innerRecurrences?.counts ?? [1, 2, 4, 8].filter { $0 <= r })
        for count in inner { try requireOption(count, "--inner-recurrences", 1...r) }
        let wrong = wrongDrafts?.counts ?? [0]
        for share in wrong { try requireOption(share, "--wrong-drafts", 0...100) }
        var size = BenchLossless.Size(
            innerRecurrences: inner, wrongDrafts: wrong, sequences: sequences, context: context ?? 64,
            tokens: tokens ?? 16)
        let room = settings.context - BenchLossless.positions(size, recurrence: r)
        if room < 0, context == nil { size.context = max(1, size.context + room) }
        guard BenchLossless.positions(size, recurrence: r) <= settings.context, size.context >= 1 else {
            throw CommandError(
                "A prompt of \(size.context) and \(size.tokens) tokens with full waves around them do not fit the "
                    + "model's context of \(settings.context); give a smaller --context or --tokens.")
        }
        return size
    }

    /// The given row counts, or the default ones that fit into a call with at least one position before them.
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
