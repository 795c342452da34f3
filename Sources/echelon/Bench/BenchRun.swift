import Plans
import Reports
import Runtime

/// A run of all measurements. Each round measures everything once and probes the machine, so that a drift of the
/// machine's speed affects all measurements alike.
struct BenchRun {
    let plan: Plan
    let model: PlanModel
    /// In ascending order.
    let rowCounts: [Int]
    /// Positions before the rows of a step.
    let context: Int
    let repeats: Int
    let prefillRecurrence: Int

    private let calls: BenchCalls
    private var probe: BenchProbe
    private var progress = ProgressLine("measuring")

    /// The length of the prompt with which prefill is measured.
    private static let promptRows = 512

    init(
        _ plan: Plan, model: PlanModel, rowCounts: [Int], context: Int, repeats: Int, prefillRecurrence: Int,
        quick: Bool
    ) {
        self.plan = plan
        self.model = model
        self.rowCounts = rowCounts.sorted()
        self.context = context
        self.repeats = repeats
        self.prefillRecurrence = prefillRecurrence
        calls = BenchCalls(model)
        probe = BenchProbe(threads: model.threads, size: quick ? .quick : .whole)
    }

    private var settings: PlanSettings { plan.contents.settings }

    mutating func report(named name: String, parts: Set<BenchPart>) throws -> BenchReport {
        defer { progress.clear() }
        var functions: [Samples<Step>] = []
        var decodes: [Double] = []
        var matrices: [Samples<Product>] = []
        var shares: [BenchReport.Shares] = []
        var prefill: Double?
        if parts.contains(.functions) {
            prefill = try measurePrefill()
            (functions, decodes) = try measureFunctions()
            shares = try measureShares()
        }
        if parts.contains(.matrices) { matrices = try measureMatrices() }
        show("overhead")
        let overhead = try TapeOverhead(measuredOn: plan, threads: model.threads, repeats: repeats)
        try probe.sample()

        var report = BenchReport(
            probe: probe.report(plan, instructionSet: model.instructionSet),
            model: .init(model, named: name))
        report.matrices = matrices.map(matrix)
        report.functions = functions.map(step)
        if let prefill { (report.prefill, report.functions) = prefillReports(prefill, report.functions) }
        if !decodes.isEmpty { add(decodes, functions, to: &report) }
        report.tapes = plan.contents.schedule.functions.map(FunctionReport.init)
        report.shares = shares
        report.overhead = .init(overhead)
        return report
    }

    // MARK: Measuring

    private struct Samples<Subject> {
        var subject: Subject
        var seconds: [Double] = []
        /// The seconds of a call and of the sampler's preparation of it.
        var wholeSeconds: [Double] = []
    }

    private struct Step {
        var rows: Int
    }

    private struct Product {
        var matrix: MatrixBenchmark
        var rows: Int
    }

    private mutating func show(_ text: String) { progress.show(text) }

    private mutating func measurePrefill() throws -> Double {
        try probe.sample()
        let rows = min(Self.promptRows, context, settings.maxRows)
        show("prefill of \(rows) rows")
        let seconds = try calls.time(calls.prefill(0..<rows, recurrences: prefillRecurrence))
        try calls.fill(rows..<max(context, rows), rows: rows)
        return seconds
    }

    private mutating func measureFunctions() throws -> ([Samples<Step>], [Double]) {
        var steps = rowCounts.map { Samples(subject: Step(rows: $0)) }
        var decodes: [Double] = []
        for _ in 0..<repeats {
            try probe.sample()
            for index in steps.indices {
                try Interrupt.check()
                let rows = steps[index].subject.rows
                show("step of \(rows) rows")
                let start = ContinuousClock.now
                let call = calls.wave(context..<context + rows, recurrences: settings.innerRecurrence)
                steps[index].seconds.append(try calls.time(call))
                steps[index].wholeSeconds.append((ContinuousClock.now - start) / .seconds(1))
            }
            try Interrupt.check()
            show("decode")
            let start = ContinuousClock.now
            _ = try model.evaluate(calls.decode(context..<context + 1, recurrences: settings.recurrence))
            decodes.append((ContinuousClock.now - start) / .seconds(1))
        }
        return (steps, decodes)
    }

    /// The shares of steps with the minimum, a medium and the maximum number of rows.
    private mutating func measureShares() throws -> [BenchReport.Shares] {
        var shares: [BenchReport.Shares] = []
        let middle = rowCounts.last { $0 <= 32 } ?? rowCounts[0]
        for rows in Set([rowCounts[0], middle, rowCounts[rowCounts.count - 1]]).sorted() {
            try Interrupt.check()
            show("shares of a step of \(rows) rows")
            let (_, profile) = try model.profile(
                calls.wave(context..<context + rows, recurrences: settings.innerRecurrence))
            shares.append(.init(profile, name: FunctionName(settings.waveFunction).description, rows: rows))
        }
        return shares
    }

    private mutating func measureMatrices() throws -> [Samples<Product>] {
        let maxRows = rowCounts[rowCounts.count - 1]
        var products: [Samples<Product>] = []
        for shape in MatrixBenchmark.shapes(of: plan) {
            let matrix = try MatrixBenchmark(shape, of: plan, maxRows: maxRows, threads: model.threads)
            products += rowCounts.map { Samples(subject: Product(matrix: matrix, rows: $0)) }
        }
        for round in 0...repeats {
            try probe.sample()
            for index in products.indices {
                try Interrupt.check()
                let (matrix, rows) = (products[index].subject.matrix, products[index].subject.rows)
                show("\(Self.shortName(matrix.weight)), \(rows) rows")
                let seconds = try matrix.time(rows: rows, passes: Self.passes(matrix)) / .seconds(1)
                // The first round only touches memory.
                if round > 0 { products[index].seconds.append(seconds) }
            }
        }
        return products
    }

    /// The number of passes, so that even small matrices take a measurable time.
    private static func passes(_ matrix: MatrixBenchmark) -> Int {
        let enough = 1 << 26
        return max(1, enough / max(1, matrix.bytes * matrix.count))
    }

    private static func shortName(_ weight: ScheduledWeight) -> String {
        var name = weight.name[...]
        if name.hasPrefix("transformer.") { name = name.dropFirst("transformer.".count) }
        if name.hasSuffix(".weight") { name = name.dropLast(".weight".count) }
        return String(name)
    }

    // MARK: Reporting

    private func matrix(_ samples: Samples<Product>) -> BenchReport.Matrix {
        let (benchmark, rows) = (samples.subject.matrix, samples.subject.rows)
        let weight = benchmark.weight
        var matrix = BenchReport.Matrix(
            name: Self.shortName(weight), format: weight.format, n: weight.rows, k: weight.columns, rows: rows,
            bytes: benchmark.bytes, ms: median(samples.seconds) * 1e3, bestMs: (samples.seconds.min() ?? 0) * 1e3,
            floorMs: 0, count: benchmark.count)
        matrix.floorMs = probe.floorMs(bytes: matrix.bytes, operations: [weight.format: matrix.operations])
        return matrix
    }

    private func step(_ samples: Samples<Step>) -> BenchReport.Function {
        function(
            settings.waveFunction, rows: samples.subject.rows, context: context, recurrence: settings.innerRecurrence,
            seconds: samples.seconds)
    }

    private func function(
        _ kind: FunctionName.Kind, rows: Int, context: Int, recurrence: Int, seconds: [Double]
    ) -> BenchReport.Function {
        let schedule = plan.contents.schedule
        let name = FunctionName(kind).description
        // The looping tape does the same work as an unrolled one.
        let cost =
            schedule.functions.first { $0.name == name && $0.unrolled == nil }.map {
                TapeCost(
                    of: $0, in: schedule, rows: rows, recurrences: recurrence, context: context,
                    entryBytes: model.cacheFormat.entryBytes)
            } ?? TapeCost()
        return .init(
            name: name, rows: rows, context: context, recurrence: recurrence, bytes: cost.bytes,
            operations: cost.operations.values.reduce(0, +), ms: median(seconds) * 1e3,
            bestMs: (seconds.min() ?? 0) * 1e3,
            floorMs: probe.floorMs(bytes: cost.bytes, operations: cost.operations))
    }

    private func prefillReports(
        _ seconds: Double, _ functions: [BenchReport.Function]
    ) -> (BenchReport.Prefill, [BenchReport.Function]) {
        let rows = min(Self.promptRows, context, settings.maxRows)
        let prefill = function(.prefill, rows: rows, context: 0, recurrence: prefillRecurrence, seconds: [seconds])
        let report = BenchReport.Prefill(
            rows: rows, recurrence: prefillRecurrence, ms: prefill.ms, floorMs: prefill.floorMs,
            tokensPerSecond: Double(rows) / seconds)
        return (report, functions + [prefill])
    }

    private func add(_ decodes: [Double], _ steps: [Samples<Step>], to report: inout BenchReport) {
        report.functions.append(
            function(.decode, rows: 1, context: context, recurrence: settings.recurrence, seconds: decodes))
        let rate = 1 / median(decodes)
        report.autoregressive = .init(recurrence: settings.recurrence, tokensPerSecond: rate)
        guard settings.model.injectsInput else { return }
        report.diffusion = steps.map {
            let stepRate = 1 / median($0.wholeSeconds)
            return .init(
                rows: $0.subject.rows, innerRecurrence: settings.innerRecurrence, tokensPerSecond: stepRate,
                gain: stepRate / rate)
        }
    }
}

extension PlanSettings {
    /// The function that computes the rows of ``BenchCalls/wave(_:recurrences:)``.
    fileprivate var waveFunction: FunctionName.Kind { model.injectsInput ? .step : .decode }
}
