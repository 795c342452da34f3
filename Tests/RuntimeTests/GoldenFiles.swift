import Checkpoints
import Foundation
import PlanBuilder
import Plans
import Runtime
import Samplers

/// The recorded runs of Tests/Golden and the models to repeat them with.
enum GoldenFiles {
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let folder = repository.appending(path: "Tests/Golden")
    static let wordmath = repository.appending(path: "Tools/wordmath/checkpoint")

    struct Runs: Decodable {
        struct Forward: Decodable { var recurrences: [Int] }
        struct Autoregressive: Decodable {
            var prompt: Int
            var recurrence: Int
            var new_tokens: Int
            var kv_cache: String
            var sequence: [Int32]
        }
        struct Settings: Decodable {
            var new_tokens: Int
            var headway: Int
            var ema_embeds: Float
            var state_noise_mixing: Float
            var inner_recurrence: Int
            var num_steps: Int
            var freeze_strategy: String
            var exit_t: Float
            var max_wavefront: Int
            var dampened_state_mixer: Bool?
            var sqrt_mixer: Bool?
            var continuous_compute: Bool?
            var full_prefill: Bool?

            func diffusion() throws -> DiffusionSettings {
                var settings = DiffusionSettings()
                settings.recurrence = num_steps
                settings.innerRecurrence = inner_recurrence
                settings.exitThreshold = exit_t
                settings.maxWavefront = max_wavefront
                settings.headway = headway
                settings.embeddingEMA = ema_embeds
                settings.stateNoise = state_noise_mixing
                settings.noiseForm = sqrt_mixer == true ? .sqrt : .linear
                settings.noiseSchedule = dampened_state_mixer == false ? .constant : .dampened
                guard let rule = FreezeRule(rawValue: freeze_strategy) else {
                    throw CocoaError(.coderReadCorrupt)
                }
                settings.freezeRule = rule
                settings.warmStart = continuous_compute == true
                settings.prefill = full_prefill != false
                return settings
            }
        }
        struct Diffusion: Decodable {
            struct Step: Decodable, Equatable {
                var frozen: [Int32]
                var current: [Int32]
                var counter: [Int]
            }
            var prompt: Int
            var settings: Settings
            var sequence: [Int32]
            var steps: [Step]
        }
        var prompts: [[Int32]]
        var forward: Forward
        var autoregressive: [Autoregressive]
        var diffusion: [Diffusion]?
    }

    struct WordProblems: Decodable {
        struct Row: Decodable {
            var prompt_tokens: [Int32]
            var autoregressive_shared: [Int32]
            var autoregressive_per_recurrence: [Int32]
            var diffusion: [Int32]
        }
        var recurrence: Int
        var rows: [Row]
    }

    static func decode<T: Decodable>(_ type: T.Type, _ path: String) throws -> T {
        try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: path)))
    }

    /// Compiles a checkpoint in memory, with the loops unrolled as for the runs.
    static func plan(
        _ folder: URL, weights: WeightFormat = .f32, recurrence: Int? = nil, innerRecurrence: Int = 4,
        passes: [String]? = nil
    ) throws -> Plan {
        let settings = CompilationSettings(
            weights: weights, recurrence: recurrence, innerRecurrence: innerRecurrence, passes: passes)
        return try CheckpointCompiler(Checkpoint(folder: folder.path), settings).plan()
    }

    static func plan(_ name: String, weights: WeightFormat = .f32) throws -> Plan {
        try plan(folder.appending(path: name), weights: weights)
    }

    /// Greedy, from zero states, through stop tokens: how the runs of random checkpoints were made.
    static func settings(newTokens: Int) -> GenerationSettings {
        var settings = GenerationSettings()
        settings.maxNewTokens = newTokens
        settings.initScale = 0
        settings.ignoreStopTokens = true
        return settings
    }
}

extension GoldenFiles.Runs.Diffusion.Step {
    /// The record in the form of the golden files, which leave off trailing zeros: their sequences are kept in buffers
    /// filled with zeros. That drops a token 0 that happens to be last, frozen (run 22, step 42) or not.
    init(_ record: StepRecord) {
        func trimmed(_ tokens: some Collection<Int32>) -> [Int32] {
            var tokens = Array(tokens)
            while tokens.last == 0 { tokens.removeLast() }
            return tokens
        }
        self.init(
            frozen: trimmed(record.tokens.prefix(record.frozen)), current: trimmed(record.tokens),
            counter: record.recurrences)
    }
}
