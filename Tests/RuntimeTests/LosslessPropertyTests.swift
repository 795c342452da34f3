import Foundation
import NumberFormats
import PlanBuilder
import Plans
import Runtime
import Samplers
import Testing

/// The lossless wavefront against autoregressive decoding with an entry for each recurrence, on models with random
/// shapes and weights. With so few tokens to choose from, their early read-outs are often wrong.
@Suite struct LosslessPropertyTests {
    @Test func `every schedule, shape, format and setting gives the tokens of autoregressive decoding`() throws {
        var restarts = 0
        var steps = [Int](repeating: 0, count: 5)
        for seed in 0..<40 {
            let run = try RandomRun(seed: UInt64(seed))
            let expected = try run.autoregressive()
            for (number, settings) in run.schedules().enumerated() {
                let (found, records) = try run.lossless(settings)
                let what = "seed \(seed): \(run), \(settings)"
                #expect(found.tokens == expected.tokens, "\(what)")
                #expect(found.finishReason == expected.finishReason, "\(what)")
                #expect(found.statistics.recurrences <= expected.statistics.recurrences, "\(what)")
                let active = records.map { $0.recurrences.count - $0.start }
                #expect(active.allSatisfy { (1...settings.stepsPerPosition).contains($0) }, "\(what)")
                restarts += found.statistics.restarts ?? 0
                steps[number] += found.statistics.steps
            }
        }
        // Otherwise no schedule had anything to correct.
        #expect(restarts > 500)
        // A single draft can be right, wrong and right again, which costs only a schedule that looks in between. On the
        // whole, looking later costs more.
        #expect(steps[0] < steps[4] && steps[1] < steps[4] && steps[3] < steps[4])
    }
}

/// A model and a request, all of whose sizes and settings are functions of a seed.
private struct RandomRun: CustomStringConvertible {
    private let random: CounterRandom
    private let plan: Plan
    private let prompt: [Int32]
    private let generation: GenerationSettings
    private let recurrence: Int
    private let cacheFormat: CacheFormat
    let description: String

    /// The settings that random numbers choose, each by a draw of its own.
    private enum Choice: Int {
        case heads, headWidth, prelude, core, coda, intermediate, vocabulary, ties, bias, format, recurrence, unrolled
        case promptLength, newTokens, stop, temperature, topK, topP, minP, penalty, cache, threads, inner, readEvery
        case secondProposal, prompt
    }

    init(seed: UInt64) throws {
        let random = CounterRandom(seed: seed)
        func number(_ range: ClosedRange<Int>, _ choice: Choice, _ index: Int = 0) -> Int {
            Self.number(random, range, choice, index)
        }
        self.random = random
        let heads = number(1...4, .heads)
        let width = heads * 2 * number(2...12, .headWidth)
        let vocabulary = number(2...40, .vocabulary)
        recurrence = number(1...10, .recurrence)
        let configuration = """
            {"model_type": "huginn_raven", "injection_type": "linear", "block_class_name": "SandwichBlock",
             "mlp_class_name": "GatedMLP", "nonlin_name": "SiLU", "norm_class_name": "RMSNorm_llama",
             "n_embd": \(width), "n_heads": \(heads), "intermediate_size": \(number(1...80, .intermediate)),
             "n_layers_in_prelude": \(number(0...2, .prelude)),
             "n_layers_in_recurrent_block": \(number(1...3, .core)),
             "n_layers_in_coda": \(number(0...2, .coda)), "mean_recurrence": \(recurrence),
             "vocab_size": \(vocabulary), "block_size": 32, "norm_eps": 1e-6, "rope_base": 10000,
             "qk_bias": \(number(0...1, .bias) == 1), "tie_embeddings": \(number(0...1, .ties) == 1)}
            """
        let format = ElementType.weightFormats[number(0...ElementType.weightFormats.count - 1, .format)]
        // Half of the plans unroll the recurrences of some call; all others run as loops.
        let unrolled = number(0...1, .unrolled) * number(1...4, .unrolled, 1)
        plan = try RandomPlan(
            configuration: configuration, name: "random",
            CompilationSettings(weights: format, recurrence: unrolled, innerRecurrence: max(1, unrolled))
        ).plan()
        prompt = (0..<number(1...6, .promptLength)).map { Int32(number(0...vocabulary - 1, .prompt, $0)) }
        cacheFormat = number(0...1, .cache) == 0 ? .f32 : .bf16

        var generation = GenerationSettings()
        generation.seed = seed
        generation.maxNewTokens = number(1...30, .newTokens)
        if number(0...2, .stop) == 0 { generation.stopTokens = [Int32(number(0...vocabulary - 1, .stop, 1))] }
        generation.choice.temperature = [0, 0, 0.7, 1.5][number(0...3, .temperature)]
        generation.choice.topK = [0, 3][number(0...1, .topK)]
        generation.choice.topP = [1, 0.8][number(0...1, .topP)]
        generation.choice.minP = [0, 0.1][number(0...1, .minP)]
        generation.choice.repetitionPenalty = [1, 1.3][number(0...1, .penalty)]
        self.generation = generation
        description =
            "\(configuration), \(format), unrolled \(unrolled), \(cacheFormat) caches, prompt \(prompt), "
            + "\(generation)"
    }

    func autoregressive() throws -> any SequenceSampler {
        var settings = AutoregressiveSettings()
        settings.recurrence = recurrence
        let model = try model(threads: 1)
        let sampler = try Autoregressive(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        return try Generation.run([sampler], on: model)[0]
    }

    func lossless(_ settings: LosslessSettings) throws -> (any SequenceSampler, [StepRecord]) {
        let model = try model(threads: Self.number(random, 1...2, .threads, settings.innerRecurrence))
        let sampler = try LosslessWavefront(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        var records: [StepRecord] = []
        let ended = try Generation.run([sampler], on: model) { event in
            if let record = event.record { records.append(record) }
            return true
        }
        return (ended[0], records)
    }

    /// Reading out as needed, at every step, less often, twice more, and once more. All else is the same for a run's
    /// schedules.
    func schedules() -> [LosslessSettings] {
        var settings = LosslessSettings()
        settings.recurrence = recurrence
        settings.innerRecurrence = Self.number(random, 1...(recurrence + 1) / 2 + 1, .inner)
        var schedules = [LosslessSettings](repeating: settings, count: 5)
        (schedules[1].correction, schedules[2].correction) = (.everyReadOut, .everyReadOut)
        schedules[2].readEvery = Self.number(random, 2...3, .readEvery)
        schedules[3].correction = .twoProposals
        schedules[3].secondProposal = Self.number(random, 2...5, .secondProposal)
        schedules[4].correction = .atFullDepth
        return schedules
    }

    private func model(threads: Int) throws -> PlanModel {
        try PlanModel(plan, cacheBudget: recurrence, cacheFormat: cacheFormat, threads: threads)
    }

    private static func number(
        _ random: CounterRandom, _ range: ClosedRange<Int>, _ choice: Choice, _ index: Int = 0
    ) -> Int {
        range.lowerBound
            + random.integer(below: range.count, .headwayToken, position: choice.rawValue, step: index)
    }
}
