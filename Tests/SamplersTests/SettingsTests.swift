import Runtime
import Samplers
import Testing

@Suite struct SettingsTests {
    private let shape = ModelShape(width: 4, vocabulary: 10, context: 8)

    private func expectRefused(_ name: String, _ body: () throws -> Void) {
        expectRefused(name, SettingError.self, body)
    }

    private func expectRefused<E: Error & CustomStringConvertible>(
        _ name: String, _ type: E.Type, _ body: () throws -> Void
    ) {
        let error = #expect(throws: type) { try body() }
        #expect(error?.description.contains(name) == true, "\(String(describing: error))")
    }

    @Test func `the defaults are those of the algorithm, and valid`() throws {
        let settings = DiffusionSettings()
        #expect(settings.recurrence == 32 && settings.innerRecurrence == 4 && settings.maxWavefront == 128)
        #expect(settings.exitThreshold == 0.03 && settings.embeddingEMA == 0.1 && settings.stateNoise == 0.5)
        #expect(settings.headway == 1 && settings.prefill && !settings.warmStart)
        #expect(settings.freezeRule == .latentDiff && settings.noiseForm == .linear)
        #expect(settings.noiseSchedule == .dampened)
        try settings.validate()
        try AutoregressiveSettings().validate()
        try GenerationSettings().validate()
    }

    @Test func `every setting of diffusion forcing out of its range is refused by name`() {
        func refused(_ name: String, _ set: (inout DiffusionSettings) -> Void) {
            var settings = DiffusionSettings()
            set(&settings)
            expectRefused(name) { _ = try DiffusionForcing(prompt: [1], settings: settings, shape: shape) }
        }
        refused("wavefront limit") { $0.maxWavefront = 0 }
        refused("recurrence is -1") { $0.recurrence = -1 }
        refused("recurrence is 0") { $0.recurrence = 0 }
        refused("inner recurrence") { $0.innerRecurrence = 0 }
        refused("inner recurrence") { $0.innerRecurrence = .max }
        refused("headway") { $0.headway = 0 }
        refused("stall limit") { $0.stallLimit = 0 }
        for bad in [Float.nan, -0.1, .infinity] {
            refused("exit threshold") { $0.exitThreshold = bad }
            refused("embedding EMA") { $0.embeddingEMA = bad }
            refused("state noise") { $0.stateNoise = bad }
        }
        refused("embedding EMA") { $0.embeddingEMA = 1.1 }
        refused("state noise") { $0.stateNoise = 1.1 }
    }

    @Test func `without prefill, a prompt beyond the wavefront limit is refused and a recurrence of 0 is not`() throws {
        var settings = DiffusionSettings()
        settings.prefill = false
        settings.recurrence = 0
        settings.maxWavefront = 3
        _ = try DiffusionForcing(prompt: [1, 2, 3], settings: settings, shape: shape)
        expectRefused("wavefront limit is 3", SamplerError.self) {
            _ = try DiffusionForcing(prompt: [1, 2, 3, 4], settings: settings, shape: shape)
        }
    }

    @Test func `settings that all samplers share are refused by name`() {
        func refused(_ name: String, _ set: (inout GenerationSettings) -> Void) {
            var generation = GenerationSettings()
            set(&generation)
            expectRefused(name) { _ = try Autoregressive(prompt: [1], generation: generation, shape: shape) }
            expectRefused(name) { _ = try DiffusionForcing(prompt: [1], generation: generation, shape: shape) }
        }
        refused("new tokens") { $0.maxNewTokens = -1 }
        for bad in [Float.nan, -1, .infinity] {
            refused("init scale") { $0.initScale = bad }
            refused("temperature") { $0.choice.temperature = bad }
            refused("top-p") { $0.choice.topP = bad }
            refused("min-p") { $0.choice.minP = bad }
            refused("repetition penalty") { $0.choice.repetitionPenalty = bad }
        }
        refused("top-k") { $0.choice.topK = -1 }
        refused("repetition penalty") { $0.choice.repetitionPenalty = 0 }
        var settings = AutoregressiveSettings()
        settings.recurrence = -1
        expectRefused("recurrence") { _ = try Autoregressive(prompt: [1], settings: settings, shape: shape) }
    }

    @Test func `prompts that are empty, foreign or as long as the context are refused`() throws {
        func refused(_ prompt: [Int32], _ words: String) {
            expectRefused(words, SamplerError.self) { _ = try Autoregressive(prompt: prompt, shape: shape) }
            expectRefused(words, SamplerError.self) { _ = try DiffusionForcing(prompt: prompt, shape: shape) }
        }
        refused([], "empty")
        refused([1, 10], "Token 1 of the prompt is 10")
        refused([-1], "Token 0 of the prompt is -1")
        refused([Int32](repeating: 1, count: 8), "context is 8")
        _ = try Autoregressive(prompt: [Int32](repeating: 1, count: 7), shape: shape)
    }
}
