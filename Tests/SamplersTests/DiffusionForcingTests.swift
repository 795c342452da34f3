import Foundation
import Runtime
import Samplers
import Testing

@Suite struct DiffusionForcingTests {
    private final class Trace {
        var records: [StepRecord] = []
    }

    private func generate(
        _ model: any RecurrentModel, prompt: [Int32], generation: GenerationSettings = .init(),
        trace: Trace? = nil, set: (inout DiffusionSettings) -> Void = { _ in }
    ) throws -> any SequenceSampler {
        var settings = DiffusionSettings()
        set(&settings)
        let sampler = try DiffusionForcing(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        var streamed: [Int32] = []
        let ended = try Generation.run([sampler], on: model) { event in
            streamed += event.newTokens
            if let record = event.record { trace?.records.append(record) }
            return true
        }[0]
        #expect(streamed == ended.generated, "what is streamed is what is final")
        return ended
    }

    private func limit(_ count: Int, initScale: Float = 0) -> GenerationSettings {
        var generation = GenerationSettings()
        generation.maxNewTokens = count
        generation.initScale = initScale
        return generation
    }

    // MARK: The text

    @Test(arguments: [FreezeRule.latentDiff, .tokenStability, .fixed], [0, 1, 2, 3])
    func `the settled text is what the model means, whatever shapes the wave`(rule: FreezeRule, variant: Int) throws {
        let model = ToyModel(context: 100)
        let sampler = try generate(model, prompt: [3, 1, 2], generation: limit(20, initScale: 1)) { settings in
            settings.freezeRule = rule
            settings.exitThreshold = 1e-4
            settings.recurrence = 64
            settings.stateNoise = 0.1
            settings.maxWavefront = [128, 4, 9, 12][variant]
            settings.headway = variant == 2 ? 3 : 1
            settings.warmStart = variant == 3
        }
        #expect(sampler.generated == model.continuation(of: [3, 1, 2], count: sampler.generated.count))
        #expect(sampler.generated.count >= 20)
        #expect(sampler.finishReason == .length)
    }

    // MARK: Calls

    @Test
    func `the prefill is one call at full depth; the first step is the first drafted position's, from a fresh state`()
        throws
    {
        let model = ScriptedModel { ScriptedModel.result($0, token: { Int32($0) + 50 }) }
        _ = try generate(model, prompt: [5, 6], generation: limit(1, initScale: 1)) { $0.recurrence = 7 }
        let fresh = InitialStates(width: 1, deviation: 1, seed: 0)
        #expect(model.calls.count == 1)
        #expect(model.calls[0].function == .prefill && model.calls[0].recurrences == 7)
        #expect(model.calls[0].positions == [0, 1] && model.calls[0].tokens == [5, 6])
        #expect(model.calls[0].states == fresh.states(.initialState, positions: 0..<2, step: 0))

        let second = ScriptedModel { ScriptedModel.result($0, token: { Int32($0) + 50 }) }
        _ = try generate(second, prompt: [5, 6], generation: limit(2, initScale: 1)) { $0.stallLimit = 2 }
        #expect(second.calls.map(\.function) == [.prefill, .step, .step])
        #expect(second.calls[1].positions == [2] && second.calls[1].tokens == [51])
        #expect(second.calls[1].states == fresh.states(.initialState, positions: 2..<3, step: 0))
        #expect(second.calls[1].recurrences == 4)
        // The next step keeps the state and adds a position with a fresh one.
        #expect(second.calls[2].positions == [2, 3] && second.calls[2].tokens == [51, 52])
        #expect(
            second.calls[2].states.values
                == [2] + fresh.states(.initialState, positions: 3..<4, step: 0).values)
    }

    @Test func `prelude outputs average from the second step on, and count as zero where there are none`() throws {
        let model = ScriptedModel { ScriptedModel.result($0, value: { Float($0) + 0.5 }, token: { _ in 1 }) }
        _ = try generate(model, prompt: [5], generation: limit(9)) {
            $0.embeddingEMA = 0.25
            $0.stallLimit = 3
        }
        let steps = model.calls.dropFirst().compactMap(\.step)
        #expect(steps.map(\.embeddings.values) == [[0], [1.5, 0], [1.5, 2.5, 0]])
        #expect(steps.map(\.embeddingNew) == [[1], [0.75, 0.75], [0.75, 0.75, 0.75]])
        #expect(steps.map(\.embeddingOld) == [[0], [0.25, 0.25], [0.25, 0.25, 0.25]])

        let without = ScriptedModel { ScriptedModel.result($0, token: { _ in 1 }) }
        _ = try generate(without, prompt: [5], generation: limit(9)) {
            $0.embeddingEMA = 0
            $0.stallLimit = 2
        }
        #expect(without.calls[2].step?.embeddingNew == [1, 1])
        #expect(without.calls[2].step?.embeddingOld == [0, 0])
    }

    @Test func `noise shares follow form, schedule and the recurrences that a position has had`() throws {
        func shares(form: NoiseForm, schedule: NoiseSchedule) throws -> (old: [Float], new: [Float], noise: Latents) {
            let model = ScriptedModel { ScriptedModel.result($0, token: { _ in 1 }) }
            _ = try generate(model, prompt: [5, 6], generation: limit(9, initScale: 1)) {
                $0.noiseForm = form
                $0.noiseSchedule = schedule
                $0.recurrence = 8
                $0.innerRecurrence = 3
                $0.stateNoise = 0.36
                $0.stallLimit = 3
            }
            let step = try #require(model.calls.last?.step)
            return (step.stateOld, step.stateNoise, step.noise)
        }
        // At the third step, the counts are: the prefill and two steps, one step, none.
        let dampened: [Float] = [0.36 / Float(1 + 8 + 6), 0.36 / Float(1 + 3), 0.36]
        let linear = try shares(form: .linear, schedule: .dampened)
        #expect(linear.new == dampened)
        #expect(linear.old == dampened.map { 1 - $0 })
        let root = try shares(form: .sqrt, schedule: .dampened)
        #expect(root.new == dampened.map { $0.squareRoot() })
        #expect(root.old == dampened.map { (1 - $0).squareRoot() })
        let constant = try shares(form: .linear, schedule: .constant)
        #expect(constant.new == [0.36, 0.36, 0.36])
        let fresh = InitialStates(width: 1, deviation: 1, seed: 0)
        #expect(linear.noise == fresh.states(.stateNoise, positions: 2..<5, step: 2))
    }

    @Test func `warm start continues new positions from the last states`() throws {
        let model = ScriptedModel { ScriptedModel.result($0, value: { Float($0) + 0.5 }, token: { _ in 1 }) }
        _ = try generate(model, prompt: [5], generation: limit(9, initScale: 1)) {
            $0.warmStart = true
            $0.headway = 2
            $0.stallLimit = 3
        }
        #expect(model.calls[2].states.values == [1.5, 1.5, 1.5])
        #expect(model.calls[3].states.values == [1.5, 2.5, 3.5, 2.5, 3.5])
    }

    // MARK: Freezing

    @Test func `latent-diff freezes through the last settled position, which stays active`() throws {
        let trace = Trace()
        let model = ScriptedModel { call in
            // In the third step, over positions 2 to 4, position 3 settles and position 2 does not.
            let step = call.positions.count == 3
            return ScriptedModel.result(
                call, value: { Float($0) + 0.25 }, token: { Int32($0) + 50 },
                difference: { step && $0 == 3 ? 0.02 : 0.03 })
        }
        let sampler = try generate(model, prompt: [5, 6], generation: limit(9), trace: trace) {
            $0.stallLimit = 4
            $0.embeddingEMA = 0.5
        }
        #expect(trace.records.prefix(4).map(\.start) == [2, 2, 2, 3])
        #expect(trace.records.prefix(4).map(\.frozen) == [3, 3, 4, 4])
        #expect(trace.records[2].tokens == [5, 6, 51, 52, 53, 54])
        #expect(trace.records[3].tokens == [5, 6, 51, 52, 53, 54, 55])
        #expect(trace.records[2].recurrences == [32, 32, 44, 8, 4])
        #expect(trace.records[2].differences == [0.03, 0.02, 0.03])
        // The states and prelude outputs of 3 and 4 continue; 5 starts fresh.
        #expect(model.calls[4].positions == [3, 4, 5])
        #expect(model.calls[4].states.values == [3.25, 4.25, 0])
        #expect(model.calls[4].step?.embeddings.values == [3.25, 4.25, 0])
        #expect(sampler.finishReason == .stalled)
    }

    @Test func `token-stability freezes a token that more than r/r' steps left unchanged`() throws {
        let trace = Trace()
        let model = ScriptedModel { call in
            // The token at position 4 changes once, at the second step that drafts it.
            let changes = call.function == .step && call.positions.count == 3
            return ScriptedModel.result(call, token: { changes && $0 == 3 ? 99 : Int32($0) + 50 })
        }
        _ = try generate(model, prompt: [5, 6], generation: limit(5), trace: trace) {
            $0.freezeRule = .tokenStability
            $0.recurrence = 8
        }
        // Position 3 is drafted at step 0 and unchanged at 1, 2 and 3. Position 4 is drafted at 1, changes at 2 and
        // back at 3, and is unchanged from 4 to 6. But position 5, which is drafted at 2, is stable at 5 and freezes
        // position 4 with it.
        #expect(trace.records.map(\.frozen) == [3, 3, 3, 4, 4, 6, 7])
    }

    @Test func `fixed freezes one token a step from step r/r' + 1 on`() throws {
        let trace = Trace()
        let model = ScriptedModel { ScriptedModel.result($0, token: { Int32($0) + 50 }) }
        _ = try generate(model, prompt: [5, 6], generation: limit(4), trace: trace) {
            $0.freezeRule = .fixed
            $0.recurrence = 8
        }
        #expect(trace.records.map(\.frozen) == [3, 3, 3, 4, 5, 6])
    }

    // MARK: The wave

    @Test(arguments: [1, 2, 5]) func `at the wavefront limit the wave stands until a position freezes`(
        limit maxWavefront: Int
    ) throws {
        let model = ScriptedModel { call in
            ScriptedModel.result(call, token: { Int32($0) + 50 }, difference: { $0 == 3 ? 0 : 1 })
        }
        let trace = Trace()
        _ = try generate(model, prompt: [5, 6], generation: limit(9), trace: trace) {
            $0.maxWavefront = maxWavefront
            $0.stallLimit = 12
        }
        let active = max(maxWavefront, 2)
        #expect(model.calls.dropFirst().map(\.tokens.count).max() == active)
        #expect(trace.records.map(\.tokens.count).max() == 3 + active, "T ends where the active positions end")
        #expect(model.calls.last?.positions.first == 3)
    }

    @Test func `headway adds random tokens that a seed decides, and their positions start fresh`() throws {
        func tokens(seed: UInt64) throws -> [[Int32]] {
            let trace = Trace()
            let model = ScriptedModel { ScriptedModel.result($0, token: { Int32($0) + 50 }) }
            var generation = limit(9)
            generation.seed = seed
            _ = try generate(model, prompt: [5, 6], generation: generation, trace: trace) {
                $0.headway = 3
                $0.maxWavefront = 6
                $0.stallLimit = 3
            }
            #expect(model.calls.map(\.tokens.count) == [2, 1, 4, 6])
            return trace.records.map(\.tokens)
        }
        let records = try tokens(seed: 1)
        #expect(records.map(\.count) == [6, 8, 8])
        #expect(records[0].prefix(4) == [5, 6, 51, 52])
        #expect(records[1].prefix(7) == [5, 6, 51, 52, 53, 54, 55])
        #expect(records.joined().allSatisfy { $0 >= 0 && $0 < 100 })
        #expect(try tokens(seed: 1) == records)
        #expect(try tokens(seed: 2) != records)
    }

    @Test func `enormous limits and headways are bounded by the context`() throws {
        let model = ScriptedModel { ScriptedModel.result($0, token: { Int32($0) }) }
        let sampler = try generate(model, prompt: [5, 6], generation: limit(9)) {
            $0.headway = Int(Int32.max)
            $0.maxWavefront = Int(Int32.max)
        }
        #expect(sampler.finishReason == .context)
    }

    @Test func `without prefill the prompt is the first wave, and what of it has not settled is drafted again`() throws
    {
        let trace = Trace()
        let model = ScriptedModel { call in
            let settles = call.positions.count == 4
            return ScriptedModel.result(
                call, token: { Int32($0) + 50 }, difference: { settles && $0 == 1 ? 0 : 1 })
        }
        _ = try generate(model, prompt: [5, 6, 7], generation: limit(9), trace: trace) {
            $0.prefill = false
            $0.stallLimit = 3
        }
        #expect(model.calls[0].function == .step && model.calls[0].positions == [0, 1, 2])
        #expect(model.calls[0].step?.stateNoise == [0.5, 0.5, 0.5], "counts start at 0")
        #expect(model.calls[0].step?.embeddingNew == [1, 1, 1])
        #expect(trace.records[0].tokens == [5, 6, 7, 52] && trace.records[0].frozen == 3)
        #expect(trace.records[0].recurrences == [4, 4, 4])
        #expect(trace.records[1].tokens == [5, 6, 7, 52, 53] && trace.records[1].frozen == 2)
        #expect(trace.records[2].start == 1 && trace.records[2].tokens == [5, 6, 51, 52, 53, 54])
    }

    // MARK: Ends

    @Test func `a final stop token ends the text; what froze after it is dropped; in the draft it ends nothing`() throws
    {
        let model = ScriptedModel { call in
            let settles = call.positions.count == 5
            return ScriptedModel.result(
                call, token: { Int32($0) + 50 }, difference: { settles && $0 == 6 ? 0 : 1 })
        }
        var generation = limit(30)
        generation.stopTokens = [52, 54, 6]
        let trace = Trace()
        let sampler = try generate(model, prompt: [5, 6], generation: generation, trace: trace)
        #expect(sampler.generated == [51, 52])
        #expect(sampler.finishReason == .stop)
        #expect(trace.records.map(\.frozen) == [3, 3, 3, 3, 4])
        #expect(trace.records.count == 5 && sampler.statistics.steps == 5)

        generation.ignoreStopTokens = true
        let unstopped = try generate(model, prompt: [5, 6], generation: generation) { $0.stallLimit = 6 }
        #expect(unstopped.generated.count > 2)
    }

    @Test func `all tokens of the step that reaches the number asked for are kept`() throws {
        let model = ScriptedModel { call in
            let settles = call.positions.count == 5
            return ScriptedModel.result(
                call, token: { Int32($0) + 50 }, difference: { settles && $0 == 6 ? 0 : 1 })
        }
        let sampler = try generate(model, prompt: [5, 6], generation: limit(3))
        #expect(sampler.generated == [51, 52, 53, 54, 55])
        #expect(sampler.finishReason == .length)
    }

    @Test func `a draft that fills the context ends the text, and no position beyond it is computed`() throws {
        let model = ToyModel(context: 9)
        let sampler = try generate(model, prompt: [1, 2, 3], generation: limit(30)) { $0.headway = 4 }
        #expect(sampler.finishReason == .context)
        #expect(sampler.tokens.count < 9)
        let full = try generate(model, prompt: [1, 2, 3, 4, 5, 6, 7, 8], generation: limit(30))
        #expect(full.finishReason == .context)
        #expect(full.generated.count == 1)
    }

    @Test func `states that never settle end as stalled and not never`() throws {
        let model = ScriptedModel { ScriptedModel.result($0, token: { Int32($0) }) }
        let sampler = try generate(model, prompt: [1], generation: limit(30)) {
            $0.exitThreshold = 0
            $0.maxWavefront = 4
            $0.stallLimit = 20
        }
        #expect(sampler.finishReason == .stalled)
        #expect(sampler.statistics.steps == 20)
        #expect(sampler.generated.count == 1)
    }

    @Test func `a state change that is not a number is an error that says where`() {
        let model = ScriptedModel { ScriptedModel.result($0, token: { Int32($0) }, difference: { _ in .nan }) }
        let error = #expect(throws: SamplerError.self) { try generate(model, prompt: [1, 2], generation: limit(9)) }
        #expect(error?.description.contains("state at position 2") == true)
    }

    // MARK: Random choice, traces

    @Test func `sampled drafts repeat with their seed and use the logits`() throws {
        var generation = limit(12, initScale: 1)
        generation.choice.temperature = 4
        generation.choice.topK = 6
        func text(_ seed: UInt64) throws -> [Int32] {
            generation.seed = seed
            let model = ToyModel()
            let sampler = try generate(model, prompt: [1, 2], generation: generation)
            #expect(model.calls.allSatisfy { $0.head == .logits })
            return sampler.generated
        }
        #expect(try text(1) == text(1))
        #expect(try text(1) != text(2))
    }

    @Test func `a drafted token is penalised for the tokens before it, and not for those drafted after`() throws {
        // If all logits are equal, the first token that the prefix does not contain is chosen.
        let model = ScriptedModel(vocabulary: 4) { call in
            var result = ScriptedModel.result(call, token: { _ in 0 })
            result.logits = Latents(width: 4, values: [Float](repeating: 1, count: 4 * call.tokens.count))
            return result
        }
        var generation = limit(9)
        generation.choice.repetitionPenalty = 2
        let trace = Trace()
        _ = try generate(model, prompt: [1], generation: generation, trace: trace) {
            $0.stallLimit = 4
        }
        #expect(trace.records[0].tokens == [1, 0, 2])
        #expect(trace.records[1].tokens == [1, 0, 2, 3])
        #expect(trace.records[3].tokens.prefix(4) == [1, 0, 2, 3])
    }

    @Test func `a trace record survives JSON`() throws {
        let record = StepRecord(
            step: 3, start: 2, frozen: 3, tokens: [1, 2, 3, 4], recurrences: [8, 8, 4], differences: [0.5])
        let data = try JSONEncoder().encode([record])
        #expect(try JSONDecoder().decode([StepRecord].self, from: data) == [record])
    }
}
