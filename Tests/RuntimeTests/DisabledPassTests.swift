import Compiler
import Foundation
import Plans
import Runtime
import Samplers
import Testing

/// Passes only make plans smaller and faster: without any one of them, a plan still does what it has to.
@Suite struct DisabledPassTests {
    static func all(but pass: String) -> [String] { Pipeline.standardNames.filter { $0 != pass } }

    static func plan(_ name: String, without pass: String?, weights: WeightFormat = .f32) throws -> Plan {
        try GoldenFiles.plan(
            GoldenFiles.folder.appending(path: name), weights: weights, passes: pass.map(all) ?? Pipeline.standardNames)
    }

    @Test(arguments: Pipeline.standardNames)
    func `without a pass, golden runs of both samplers come out the same`(_ pass: String) throws {
        let runs = try GoldenFiles.decode(GoldenFiles.Runs.self, "micro/golden.json")
        let model = try PlanModel(Self.plan("micro", without: pass))

        let decoded = try #require(runs.autoregressive.first { $0.kv_cache == "shared" })
        var settings = AutoregressiveSettings()
        settings.recurrence = decoded.recurrence
        let sampler = try Autoregressive(
            prompt: runs.prompts[decoded.prompt], settings: settings,
            generation: GoldenFiles.settings(newTokens: decoded.new_tokens), shape: model.shape)
        #expect(try Generation.run([sampler], on: model)[0].tokens == decoded.sequence)

        // The shortest of the runs with the recurrences that `step` is specialized for.
        let refined = try #require(
            runs.diffusion?.filter { $0.settings.inner_recurrence == 4 }.min { $0.steps.count < $1.steps.count })
        model.reset(slot: 0)
        let diffusion = try DiffusionForcing(
            prompt: runs.prompts[refined.prompt], settings: refined.settings.diffusion(),
            generation: GoldenFiles.settings(newTokens: refined.settings.new_tokens), shape: model.shape)
        var steps = 0
        let ended = try Generation.run([diffusion], on: model) { event in
            if event.record != nil { steps += 1 }
            return true
        }
        #expect(ended[0].tokens == refined.sequence)
        #expect(steps == refined.steps.count)
    }

    @Test(arguments: Pipeline.standardNames, [WeightFormat.bf16, .int8, .int4])
    func `without a pass, packed and quantized weights give nearly the same logits`(
        _ pass: String, _ weights: WeightFormat
    ) throws {
        if pass == "lower-weights" {
            #expect(throws: CompilerError.self) { try Self.plan("odd", without: pass, weights: weights) }
            return
        }
        let expected = try Self.logits(Self.plan("odd", without: nil, weights: weights))
        let found = try Self.logits(Self.plan("odd", without: pass, weights: weights))
        // A last bit of a sum can make a number round to its neighbour. An adapter that is not split shares the scales of
        // its two halves, so its integers are others altogether.
        let bound: Float = pass == "split-adapter" ? (weights == .int4 ? 0.4 : 0.1) : 0.02
        #expect(QuantizedPlanTests.distance(found, expected) < bound)
    }

    @Test func `the order of the golden files is not the only one that runs`() throws {
        let runs = try GoldenFiles.decode(GoldenFiles.Runs.self, "micro/golden.json")
        let decoded = try #require(runs.autoregressive.first)
        let order = [
            "fuse-residual-norm", "fuse-argmax", "split-adapter", "lower-weights", "fuse-attention-inputs",
            "specialize-recurrences", "fuse-gate", "drop-dead-code", "fuse-conversions",
        ]
        let plan = try GoldenFiles.plan(GoldenFiles.folder.appending(path: "micro"), passes: order)
        #expect(plan.contents.settings.passes == order)
        let model = try PlanModel(plan, cacheBudget: decoded.kv_cache == "shared" ? 1 : decoded.recurrence)
        var settings = AutoregressiveSettings()
        settings.recurrence = decoded.recurrence
        let sampler = try Autoregressive(
            prompt: runs.prompts[decoded.prompt], settings: settings,
            generation: GoldenFiles.settings(newTokens: decoded.new_tokens), shape: model.shape)
        #expect(try Generation.run([sampler], on: model)[0].tokens == decoded.sequence)
    }

    /// A prompt through the looping tape, then one token through the one for six recurrences.
    private static func logits(_ plan: Plan) throws -> [Float] {
        let model = try PlanModel(plan)
        let tokens: [Int32] = (0..<19).map { $0 * 37 % 500 }
        let prompt = try InvarianceTests.prefill([(0, tokens)], on: model, recurrences: 6)
        let next = try model.evaluate(
            RaggedCall(
                function: .decode, head: .logits, recurrences: 6, slots: [0], positions: [Int32(tokens.count)], tokens: [7],
                states: .zeros(rows: 1, width: model.shape.width)))
        return prompt.logits.values + next.logits.values
    }
}
