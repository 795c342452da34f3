import Plans
import Runtime
import Samplers

/// The calls that samplers make, over made-up tokens of one sequence.
struct BenchCalls {
    let model: PlanModel
    private let states: InitialStates

    init(_ model: PlanModel) {
        self.model = model
        states = InitialStates(width: model.shape.width, deviation: model.shape.stateDeviation, seed: 0)
    }

    func prefill(_ positions: Range<Int>, recurrences: Int) -> RaggedCall {
        call(.prefill, positions, recurrences: recurrences)
    }

    func decode(_ positions: Range<Int>, recurrences: Int) -> RaggedCall {
        call(.decode, positions, recurrences: recurrences)
    }

    /// More recurrences of positions that have had some.
    func resume(_ positions: Range<Int>, recurrences: Int) -> RaggedCall {
        var call = call(.resume, positions, recurrences: recurrences)
        call.embeddings = call.states
        return call
    }

    /// The rows that a sampler refines at once: a step of diffusion forcing, or, in a model that has none, rows of the
    /// lossless wavefront.
    func wave(_ positions: Range<Int>, recurrences: Int) -> RaggedCall {
        model.plan.contents.settings.model.injectsInput
            ? step(positions, recurrences: recurrences) : decode(positions, recurrences: recurrences)
    }

    /// A step of diffusion forcing, with the noise that its sampler draws.
    func step(_ positions: Range<Int>, recurrences: Int) -> RaggedCall {
        let rows = positions.count
        var call = call(.step, positions, recurrences: recurrences)
        let defaults = DiffusionSettings()
        call.step = StepInput(
            embeddings: .zeros(rows: rows, width: model.shape.width),
            noise: states.states(.stateNoise, positions: positions, step: 0),
            embeddingNew: [Float](repeating: 1 - defaults.embeddingEMA, count: rows),
            embeddingOld: [Float](repeating: defaults.embeddingEMA, count: rows),
            stateOld: [Float](repeating: 1 - defaults.stateNoise, count: rows),
            stateNoise: [Float](repeating: defaults.stateNoise, count: rows))
        return call
    }

    /// Made-up tokens, which need no tokenizer.
    static func tokens(_ positions: Range<Int>, vocabulary: Int) -> [Int32] {
        // Neighbouring tokens read distant rows of the embedding.
        positions.map { Int32($0 * 31 % vocabulary) }
    }

    private func call(_ function: RaggedCall.Function, _ positions: Range<Int>, recurrences: Int) -> RaggedCall {
        RaggedCall(
            function: function, head: .token, recurrences: recurrences,
            slots: [Int32](repeating: 0, count: positions.count), positions: positions.map(Int32.init),
            tokens: Self.tokens(positions, vocabulary: model.shape.vocabulary),
            states: states.states(.initialState, positions: positions, step: 0))
    }

    /// Writes the positions of `range`, so that other positions can follow, in calls of at most `rows` rows. One recurrence
    /// is enough, because the contents do not matter.
    func fill(_ range: Range<Int>, rows: Int) throws {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: rows) {
            try Interrupt.check()
            _ = try model.evaluate(prefill(start..<min(start + rows, range.upperBound), recurrences: 1))
        }
    }

    /// The seconds that a call takes.
    func time(_ call: RaggedCall) throws -> Double {
        let start = ContinuousClock.now
        _ = try model.evaluate(call)
        return (ContinuousClock.now - start) / .seconds(1)
    }
}
