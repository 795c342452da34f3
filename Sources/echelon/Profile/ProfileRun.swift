import Plans
import Reports
import Runtime
import Samplers

/// Runs the work to profile, between two probes of the machine.
struct ProfileRun {
    struct Call {
        var function: RaggedCall.Function
        /// The number of consecutive rows of one sequence, with `context` positions before the first.
        var rows: Int
        var context: Int
        var recurrences: Int
    }

    let model: PlanModel
    /// The maximum number of events per thread.
    let maxEvents: Int
    private(set) var probe: BenchProbe
    private var progress = ProgressLine("profiling")

    init(_ model: PlanModel, maxEvents: Int) {
        self.model = model
        self.maxEvents = maxEvents
        probe = BenchProbe(threads: model.threads, size: .middle)
    }

    /// Makes a call `repeats` times. A first call is not recorded, because it touches memory and starts threads.
    mutating func repeated(_ call: Call, repeats: Int) throws -> ExecutionRecorder {
        defer { progress.clear() }
        let calls = BenchCalls(model)
        let settings = model.plan.contents.settings
        try calls.fill(0..<call.context, rows: min(512, settings.maxRows))
        let positions = call.context..<call.context + call.rows
        let ragged =
            switch call.function {
            case .step: calls.step(positions, recurrences: call.recurrences)
            case .decode: calls.decode(positions, recurrences: call.recurrences)
            case .prefill: calls.prefill(positions, recurrences: call.recurrences)
            case .resume: calls.resume(positions, recurrences: call.recurrences)
            }
        _ = try model.evaluate(ragged)
        try probe.sample()
        let recorder = try model.startRecording(eventsPerThread: maxEvents)
        for number in 1...repeats {
            try Interrupt.check()
            progress.show("call \(number) of \(repeats)")
            _ = try model.evaluate(ragged)
        }
        model.stopRecording()
        try probe.sample()
        return recorder
    }

    /// Runs a sampler to its end.
    mutating func generation(
        _ sampler: any SequenceSampler, kind: SamplerKind
    ) throws -> (recorder: ExecutionRecorder, generated: ProfileReport.Generated) {
        defer { progress.clear() }
        try probe.sample()
        let recorder = try model.startRecording(eventsPerThread: maxEvents)
        let start = ContinuousClock.now
        var tokens = 0
        _ = try Generation.run([sampler], on: model) { event in
            try Interrupt.check()
            tokens += event.newTokens.count
            progress.show("\(tokens) tokens")
            return true
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        model.stopRecording()
        try probe.sample()
        return (recorder, .init(sampler: kind, tokens: tokens, tokensPerSecond: Double(tokens) / seconds))
    }
}
