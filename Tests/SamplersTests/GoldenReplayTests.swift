import Foundation
import Runtime
import Samplers
import Testing

/// Replays the decisions of the golden diffusion runs: a model that answers each step with the run's own draft and lets
/// the run's own position settle must lead to the run's tokens, counts and standing waves, step by step. For the rules
/// that do not look at states (`token-stability`, `fixed`) the run's freezes have to follow by themselves.
@Suite struct GoldenReplayTests {
    struct Golden: Decodable {
        struct Run: Decodable {
            struct Settings: Decodable {
                var new_tokens: Int
                var headway: Int
                var ema_embeds: Float
                var state_noise_mixing: Float
                var inner_recurrence: Int
                var num_steps: Int
                var freeze_strategy: FreezeRule
                var exit_t: Float
                var max_wavefront: Int
                var dampened_state_mixer: Bool?
                var sqrt_mixer: Bool?
                var continuous_compute: Bool?
                var full_prefill: Bool?
            }
            struct Step: Decodable {
                var frozen: [Int32]
                var current: [Int32]
                var counter: [Int]
            }
            var prompt: Int
            var settings: Settings
            var sequence: [Int32]
            var steps: [Step]

            /// The first active position of a step: the first that has had more recurrences than before it.
            func start(ofStep step: Int, promptCount: Int) -> Int {
                guard step > 0 else { return settings.full_prefill == false ? 0 : promptCount }
                let before = steps[step - 1].counter
                let after = steps[step].counter
                return after.indices.first { $0 >= before.count || after[$0] != before[$0] } ?? after.count
            }
        }
        var prompts: [[Int32]]
        var diffusion: [Run]
    }

    private static func load() throws -> Golden {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Golden/micro/golden.json")
        let decoder = JSONDecoder()
        // The adaptive runs hold values written as `NaN`, which JSON lacks and JSON5 has.
        decoder.allowsJSON5 = true
        return try decoder.decode(Golden.self, from: Data(contentsOf: file))
    }

    @Test("Given a golden run's drafts, the sampler takes its decisions")
    func decisions() throws {
        let golden = try Self.load()
        #expect(golden.diffusion.count == 26)
        for (number, run) in golden.diffusion.enumerated() {
            try replay(run, prompt: golden.prompts[run.prompt], name: "run \(number)")
        }
    }

    private func replay(_ run: Golden.Run, prompt: [Int32], name: String) throws {
        var settings = DiffusionSettings()
        settings.recurrence = run.settings.num_steps
        settings.innerRecurrence = run.settings.inner_recurrence
        settings.exitThreshold = run.settings.exit_t
        settings.maxWavefront = run.settings.max_wavefront
        settings.headway = run.settings.headway
        settings.embeddingEMA = run.settings.ema_embeds
        settings.stateNoise = run.settings.state_noise_mixing
        settings.noiseForm = run.settings.sqrt_mixer == true ? .sqrt : .linear
        settings.noiseSchedule = run.settings.dampened_state_mixer == false ? .constant : .dampened
        settings.freezeRule = run.settings.freeze_strategy
        settings.warmStart = run.settings.continuous_compute ?? false
        settings.prefill = run.settings.full_prefill ?? true
        var generation = GenerationSettings()
        generation.maxNewTokens = run.settings.new_tokens
        generation.initScale = 0

        // A token that the recording left out is 0, which it trims, or was cut at the wavefront limit.
        func recorded(_ tokens: [Int32], at position: Int) -> Int32 {
            position < tokens.count ? tokens[position] : 0
        }
        var step = 0
        let model = ScriptedModel(vocabulary: 512, context: 256) { call in
            guard call.function == .step else {
                return ScriptedModel.result(call, token: { recorded(run.steps[0].current, at: $0 + 1) })
            }
            let settled: Int?
            if step + 1 < run.steps.count {
                let next = run.start(ofStep: step + 1, promptCount: prompt.count)
                settled = next == run.start(ofStep: step, promptCount: prompt.count) ? nil : next
            } else {
                settled = run.steps[step].frozen.count - 1
            }
            // Others before the last settled position may have settled or not.
            return ScriptedModel.result(
                call, token: { recorded(run.steps[step].current, at: $0 + 1) },
                difference: { position in
                    guard let settled, position <= settled else { return 1 }
                    return (settled - position).isMultiple(of: 2) ? 0 : 1
                })
        }

        var sampler = try DiffusionForcing(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        func trimmed(_ tokens: some Sequence<Int32>) -> [Int32] {
            Array(tokens.reversed().drop { $0 == 0 }.reversed())
        }
        while step < run.steps.count, let call = sampler.nextCall() {
            let result = try model.evaluate(
                RaggedCall(
                    function: call.function, head: call.head, recurrences: call.recurrences,
                    slots: [Int32](repeating: 0, count: call.tokens.count),
                    positions: (call.start..<call.start + call.tokens.count).map(Int32.init), tokens: call.tokens,
                    states: call.states, step: call.step))
            guard let record = try sampler.receive(result, of: call).record else { continue }
            let expected = run.steps[step]
            try #require(trimmed(record.tokens) == trimmed(expected.current), "\(name), step \(step)")
            try #require(
                trimmed(record.tokens.prefix(record.frozen)) == trimmed(expected.frozen), "\(name), step \(step)")
            try #require(record.recurrences == expected.counter, "\(name), step \(step)")
            step += 1
        }
        #expect(step == run.steps.count)
        if run.steps.last?.frozen.count == run.sequence.count {
            #expect(sampler.tokens == run.sequence, "\(name)")
            #expect(sampler.finishReason == .length, "\(name)")
        } else {
            // The recording ends before the run does.
            #expect(sampler.finishReason == nil, "\(name)")
        }
    }
}
