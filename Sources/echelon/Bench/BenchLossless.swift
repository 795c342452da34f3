import Plans
import Reports
import Runtime
import Samplers

/// Measures the lossless wavefront next to autoregressive decoding with an entry per recurrence. Drafts are forced, so
/// that any weights will do, also random ones.
struct BenchLossless {
    struct Size {
        /// r' of the waves to measure.
        var innerRecurrences: [Int]
        /// The shares of wrong drafts, in percent.
        var wrongDrafts: [Int]
        var sequences: Int
        /// The length of each prompt.
        var context: Int
        /// The tokens of each sequence that are timed, while its wave is full.
        var tokens: Int
    }

    let plan: Plan
    /// A model with an entry per recurrence and room for ``Size/sequences``.
    let model: PlanModel
    let size: Size

    private let calls: BenchCalls
    private var probe: BenchProbe
    private var progress = ProgressLine("measuring")

    init(_ plan: Plan, model: PlanModel, size: Size, quick: Bool) {
        self.plan = plan
        self.model = model
        self.size = size
        calls = BenchCalls(model)
        probe = BenchProbe(threads: model.threads, size: quick ? .quick : .whole)
    }

    private var recurrence: Int { model.cacheBudget }

    /// The positions that a sequence may need: for the prompt, the timed tokens, full waves before and after, and the
    /// tokens that it makes while the prompts of the others are evaluated.
    static func positions(_ size: Size, recurrence: Int) -> Int {
        let widest = size.innerRecurrences.map { (recurrence + $0 - 1) / $0 }.max() ?? 1
        let chunks = (size.sequences * size.context + Generation.usualPromptRows - 1) / Generation.usualPromptRows
        let waiting = size.sequences > 1 ? chunks * widest : 0
        return size.context + size.tokens + 3 * widest + waiting + 4
    }

    mutating func report(named name: String) throws -> BenchReport {
        defer { progress.clear() }
        var waves: [(wave: Wave, plain: Double)] = []
        for inner in size.innerRecurrences {
            for wrong in size.wrongDrafts {
                // Nothing to correct: both schedules are the same.
                for correction in wrong == 0 ? [.everyReadOut] : [DraftCorrection.everyReadOut, .atFullDepth] {
                    try probe.sample()
                    let wave = try run(inner: inner, wrong: wrong, correction)
                    waves.append((wave, try decodeSeconds()))
                }
            }
        }
        try probe.sample()
        var report = BenchReport(
            probe: probe.report(plan, instructionSet: model.instructionSet), model: .init(model, named: name))
        let plain = median(waves.map(\.plain))
        report.autoregressive = .init(recurrence: recurrence, tokensPerSecond: Double(size.sequences) / plain)
        report.lossless = waves.map { entry($0.wave, plain: $0.plain) }
        return report
    }

    // MARK: Measuring

    private struct Wave {
        var inner: Int
        var wrong: Int
        var correction: DraftCorrection
        var tokens = 0
        var steps = 0
        var maxRows = 0
        var seconds = 0.0
        /// The seconds in which the executor ran.
        var executorSeconds = 0.0
    }

    /// Runs all sequences until they have made their tokens. The time counts from the step after which all waves have
    /// been full.
    private mutating func run(inner: Int, wrong: Int, _ correction: DraftCorrection) throws -> Wave {
        var settings = LosslessSettings()
        (settings.recurrence, settings.innerRecurrence, settings.correction) = (recurrence, inner, correction)
        var generation = GenerationSettings()
        generation.maxNewTokens = model.shape.context
        generation.ignoreStopTokens = true
        for slot in 0..<size.sequences { model.reset(slot: slot) }
        let forced = ForcedDrafts(
            model, wrongShare: Double(wrong) / 100,
            rightDepth: correction == .everyReadOut ? min(2 * inner, recurrence) : recurrence)
        var driver = Generation(model: forced)
        let prompt = BenchCalls.tokens(0..<size.context, vocabulary: model.shape.vocabulary)
        for slot in 0..<size.sequences {
            try driver.add(
                LosslessWavefront(prompt: prompt, settings: settings, generation: generation, shape: model.shape),
                slot: Int32(slot))
        }
        var wave = Wave(inner: inner, wrong: wrong, correction: correction)
        var made = [Int](repeating: 0, count: size.sequences)
        var step = 0
        while wave.tokens < size.tokens * size.sequences {
            try Interrupt.check()
            progress.show("r' = \(inner), \(wrong)% wrong drafts: step \(step)")
            let before = model.executorTime
            let start = ContinuousClock.now
            let events = try driver.step()
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            if let failure = events.compactMap(\.failure).first { throw failure }
            if let reason = events.compactMap({ $0.ended?.finishReason }).first {
                throw CommandError("A sequence ended while it was timed (\(reason.rawValue)); give a smaller --tokens.")
            }
            step += 1
            // The first token comes from the prompt, the second from a position that has passed through a whole wave.
            let isFull = made.allSatisfy { $0 >= 2 }
            for event in events { made[Int(event.slot)] += event.newTokens.count }
            guard isFull else { continue }
            wave.seconds += seconds
            wave.executorSeconds += (model.executorTime - before) / .seconds(1)
            wave.steps += 1
            wave.tokens += events.reduce(0) { $0 + $1.newTokens.count }
            let rows = events.compactMap(\.record).map { $0.recurrences.count - $0.start }.reduce(0, +)
            wave.maxRows = max(wave.maxRows, rows)
        }
        return wave
    }

    /// The seconds of a token of autoregressive decoding for every sequence, after the prompts.
    private func decodeSeconds() throws -> Double {
        let single = calls.decode(size.context..<size.context + 1, recurrences: recurrence)
        let slots = 0..<size.sequences
        let call = RaggedCall(
            function: .decode, head: .token, recurrences: recurrence, slots: slots.map(Int32.init),
            positions: slots.map { _ in single.positions[0] }, tokens: slots.map { _ in single.tokens[0] },
            states: Latents(width: model.shape.width, values: slots.flatMap { _ in single.states.values }))
        return try median((0..<3).map { _ in try calls.time(call) })
    }

    // MARK: Reporting

    private func entry(_ wave: Wave, plain: Double) -> BenchReport.Lossless {
        let rate = Double(wave.tokens) / wave.seconds
        let plainRate = Double(size.sequences) / plain
        let rows = (recurrence + wave.inner - 1) / wave.inner * size.sequences
        return .init(
            innerRecurrence: wave.inner, correction: wave.correction, wrongDrafts: wave.wrong,
            sequences: size.sequences, rows: wave.maxRows, tokens: wave.tokens, steps: wave.steps,
            stepsPerToken: Double(wave.steps * size.sequences) / Double(wave.tokens),
            msPerStep: wave.seconds / Double(wave.steps) * 1e3, tokensPerSecond: rate, gain: rate / plainRate,
            gainByBytes: bytes(rows: size.sequences, recurrences: recurrence)
                / bytes(rows: rows, recurrences: wave.inner),
            gainByFloor: floorMs(rows: size.sequences, recurrences: recurrence)
                / floorMs(rows: rows, recurrences: wave.inner),
            hostShare: 1 - wave.executorSeconds / wave.seconds)
    }

    private func cost(rows: Int, recurrences: Int) -> TapeCost {
        let schedule = plan.contents.schedule
        let name = FunctionName(.decode).description
        guard let function = schedule.functions.first(where: { $0.name == name && $0.unrolled == nil }) else {
            return TapeCost()
        }
        var cost = TapeCost(
            of: function, in: schedule, rows: rows, recurrences: recurrences, context: size.context,
            entryBytes: model.cacheFormat.entryBytes)
        // Rows of different sequences and depths share no keys and values.
        cost.cacheBytes *= rows
        return cost
    }

    private func bytes(rows: Int, recurrences: Int) -> Double {
        Double(cost(rows: rows, recurrences: recurrences).bytes)
    }

    private func floorMs(rows: Int, recurrences: Int) -> Double {
        let cost = cost(rows: rows, recurrences: recurrences)
        return probe.floorMs(bytes: cost.bytes, operations: cost.operations)
    }
}
