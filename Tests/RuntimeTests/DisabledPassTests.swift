import Compiler
import Foundation
import GoldenRuns
import NumberFormats
import Plans
import Runtime
import Samplers
import Testing

/// Passes only make plans smaller and faster: without any one of them, a plan still computes the same.
@Suite struct DisabledPassTests {
    static func all(but pass: String) -> [String] { Pipeline.standardNames.filter { $0 != pass } }

    /// The plans run on one thread. The results do not depend on the number of threads, and other tests need the
    /// others.
    static func model(_ name: String, weights: ElementType = .f32, passes: [String], budget: Int = 1) throws
        -> PlanModel
    {
        try PlanModel(
            GoldenFiles.plan(GoldenFiles.folder.appending(path: name), weights: weights, passes: passes),
            cacheBudget: budget, threads: 1)
    }

    @Test(arguments: Pipeline.standardNames)
    func `without a pass, the golden run comes out token by token`(_ pass: String) throws {
        try Self.expectGoldenDecoding(passes: Self.all(but: pass))
    }

    @Test func `in another order of the passes, the golden run comes out token by token`() throws {
        try Self.expectGoldenDecoding(passes: [
            "fuse-residual-norm", "fuse-argmax", "split-adapter", "lower-weights", "fuse-attention-inputs",
            "specialize-recurrences", "fuse-gate", "drop-dead-code", "fuse-conversions",
        ])
    }

    private static func expectGoldenDecoding(passes: [String]) throws {
        let runs = try GoldenRuns(of: "odd")
        let run = try #require(runs.autoregressive.first)
        let model = try model("odd", passes: passes, budget: run.recurrence)
        #expect(model.plan.contents.settings.passes == passes)
        var settings = AutoregressiveSettings()
        settings.recurrence = run.recurrence
        let sampler = try Autoregressive(
            prompt: runs.prompts[run.prompt], settings: settings,
            generation: GoldenFiles.settings(newTokens: run.new_tokens), shape: model.shape)
        #expect(try Generation.run([sampler], on: model)[0].tokens == run.sequence)
    }

    @Test(arguments: Pipeline.standardNames)
    func `without a pass, a golden diffusion run goes the same way for ten steps`(_ pass: String) throws {
        let runs = try GoldenRuns(of: "micro")
        // The call has the number of recurrences for which `step` is specialized.
        let run = try #require(runs.diffusion?.first { $0.settings.diffusion.innerRecurrence == 4 })
        let model = try Self.model("micro", passes: Self.all(but: pass))
        let sampler = try DiffusionForcing(
            prompt: runs.prompts[run.prompt], settings: run.settings.diffusion,
            generation: GoldenFiles.settings(newTokens: run.settings.new_tokens), shape: model.shape)
        var steps: [GoldenRuns.Step] = []
        _ = try Generation.run([sampler], on: model) { event in
            if let record = event.record { steps.append(.init(record)) }
            return steps.count < 10
        }
        #expect(steps.count == 10)
        #expect(steps == Array(run.steps.prefix(10)))
    }

    @Test(arguments: Pipeline.standardNames, [ElementType.bf16, .int8])
    func `without a pass, packed and quantized weights give nearly the same logits`(
        _ pass: String, _ weights: ElementType
    ) throws {
        if pass == "lower-weights" {
            #expect(throws: CompilerError.self) { try Self.logits(weights, passes: Self.all(but: pass)) }
            return
        }
        let expected = try #require(Self.completeLogits[weights]).get()
        let found = try Self.logits(weights, passes: Self.all(but: pass))
        // A last bit of a sum can make a number round to its neighbor. An adapter that is not split shares the scales
        // of its two halves, so all of its integers differ.
        #expect(QuantizedPlanTests.distance(found, expected) < (pass == "split-adapter" ? 0.1 : 0.02))
    }

    /// The results of plans that all passes made.
    private static let completeLogits: [ElementType: Result<[Float], any Error>] = Dictionary(
        uniqueKeysWithValues: [ElementType.bf16, .int8].map { weights in
            (weights, Result { try logits(weights, passes: Pipeline.standardNames) })
        })

    /// A prompt runs on the looping tape, then one token on the tape for six recurrences.
    private static func logits(_ weights: ElementType, passes: [String]) throws -> [Float] {
        let model = try model("odd", weights: weights, passes: passes)
        let tokens: [Int32] = (0..<19).map { $0 * 37 % 500 }
        let prompt = try InvarianceTests.prefill([(0, tokens)], on: model, recurrences: 6)
        let next = try model.evaluate(
            RaggedCall(
                function: .decode, head: .logits, recurrences: 6, slots: [0], positions: [Int32(tokens.count)],
                tokens: [7],
                states: .zeros(rows: 1, width: model.shape.width)))
        return prompt.logits.values + next.logits.values
    }
}
