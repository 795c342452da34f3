import Foundation
import GoldenRuns
import NumberFormats
import Plans
import Runtime
import Samplers
import Testing

/// A row's result depends on its own sequence alone: not on the other rows of the call, the number of threads, or
/// whether the recurrences are unrolled.
@Suite struct InvarianceTests {
    /// Three sequences of different lengths, none a multiple of a tile's 16 rows.
    static let sequences: [[Int32]] = [17, 5, 43].enumerated().map { number, length in
        (0..<length).map { Int32(($0 * 37 + number * 101) % 500) }
    }

    static func prefill(_ sequences: [(slot: Int32, tokens: [Int32])], on model: PlanModel, recurrences: Int) throws
        -> ModelResult
    {
        for slot in sequences.map(\.slot) { model.reset(slot: Int(slot)) }
        let tokens = sequences.flatMap(\.tokens)
        return try model.evaluate(
            RaggedCall(
                function: .prefill, head: .logits, recurrences: recurrences,
                slots: sequences.flatMap { entry in entry.tokens.map { _ in entry.slot } },
                positions: sequences.flatMap { $0.tokens.indices.map(Int32.init) }, tokens: tokens,
                states: .zeros(rows: tokens.count, width: model.shape.width)))
    }

    @Test(arguments: ["micro", "odd"], ElementType.weightFormats)
    func `rows are the same to the bit alone and with other sequences`(_ name: String, _ weights: ElementType) throws {
        let model = try PlanModel(GoldenFiles.plan(name, weights: weights), sequences: 3)
        let entries = Self.sequences.enumerated().map { (slot: Int32($0), tokens: $1) }
        let together = try Self.prefill(entries, on: model, recurrences: 3)
        var row = 0
        for entry in entries {
            let alone = try Self.prefill([entry], on: model, recurrences: 3)
            let rows = row..<row + entry.tokens.count
            #expect(alone.logits == together.logits.rows(rows), "sequence \(entry.slot)")
            #expect(alone.states == together.states.rows(rows), "sequence \(entry.slot)")
            row = rows.upperBound
        }
    }

    @Test(arguments: ["micro", "odd"], ElementType.weightFormats)
    func `the number of threads changes no bit`(_ name: String, _ weights: ElementType) throws {
        let plan = try GoldenFiles.plan(name, weights: weights)
        let entries = Self.sequences.enumerated().map { (slot: Int32($0), tokens: $1) }
        let results = try [1, 2, 3].map { threads in
            try Self.prefill(entries, on: PlanModel(plan, sequences: 3, threads: threads), recurrences: 3)
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
    }

    @Test(arguments: ElementType.weightFormats)
    func `an unrolled tape computes what the loop does, with every cache budget`(_ weights: ElementType) throws {
        let folder = GoldenFiles.folder.appending(path: "odd")
        let unrolled = try GoldenFiles.plan(folder, weights: weights, recurrence: 5, innerRecurrence: 2)
        let looping = try GoldenFiles.plan(folder, weights: weights, recurrence: 0, innerRecurrence: 1)
        for budget in [1, 2, 5] {
            let runs = try [unrolled, looping].map { plan in
                let model = try PlanModel(plan, cacheBudget: budget)
                var settings = AutoregressiveSettings()
                settings.recurrence = 5
                var generation = GoldenFiles.settings(newTokens: 12)
                generation.initScale = 1
                let sampler = try Autoregressive(
                    prompt: Self.sequences[1], settings: settings, generation: generation, shape: model.shape)
                return try Generation.run([sampler], on: model)[0].tokens
            }
            #expect(runs[0] == runs[1], "budget \(budget)")
        }
        let steps = try [unrolled, looping].map { plan in
            let model = try PlanModel(plan)
            var settings = DiffusionSettings()
            settings.recurrence = 6
            settings.innerRecurrence = 2
            var records: [StepRecord] = []
            let sampler = try DiffusionForcing(
                prompt: Self.sequences[1], settings: settings, generation: GoldenFiles.settings(newTokens: 12),
                shape: model.shape)
            _ = try Generation.run([sampler], on: model) { event in
                if let record = event.record { records.append(record) }
                return true
            }
            return records
        }
        #expect(!steps[0].isEmpty)
        #expect(steps[0].map(\.tokens) == steps[1].map(\.tokens))
    }

    @Test func `diffusion runs with others are the same as alone, step by step`() throws {
        let plan = try GoldenFiles.plan("micro", weights: .bf16)
        let model = try PlanModel(plan, sequences: 3)
        func samplers() throws -> [any SequenceSampler] {
            try Self.sequences.enumerated().map { number, prompt in
                var generation = GoldenFiles.settings(newTokens: 10 + number)
                generation.initScale = 1
                generation.seed = UInt64(number)
                var settings = DiffusionSettings()
                settings.recurrence = 8
                settings.maxWavefront = 24
                return try DiffusionForcing(
                    prompt: prompt, settings: settings, generation: generation, shape: model.shape)
            }
        }
        func run(_ samplers: [any SequenceSampler]) throws -> [[StepRecord]] {
            for slot in samplers.indices { model.reset(slot: slot) }
            var records = [[StepRecord]](repeating: [], count: samplers.count)
            _ = try Generation.run(samplers, on: model) { event in
                if let record = event.record { records[Int(event.slot)].append(record) }
                return true
            }
            return records
        }
        let together = try run(samplers())
        for (number, sampler) in try samplers().enumerated() {
            #expect(try run([sampler])[0] == together[number], "sequence \(number)")
        }
    }

    @Test func `bf16 logits are within 2% of f32's on the word-problem checkpoint`() throws {
        let problems = try GoldenWordProblems()
        let models = try [ElementType.f32, .bf16].map {
            try PlanModel(GoldenFiles.plan(GoldenFiles.wordmath, weights: $0))
        }
        for row in problems.rows {
            let logits = try models.map { model in
                try Self.prefill([(0, row.prompt_tokens)], on: model, recurrences: 16).logits.values
            }
            let difference = zip(logits[0], logits[1]).map { Double($0 - $1) * Double($0 - $1) }.reduce(0, +)
            let norm = logits[0].map { Double($0) * Double($0) }.reduce(0, +)
            #expect((difference / norm).squareRoot() < 0.02)
        }
    }
}
