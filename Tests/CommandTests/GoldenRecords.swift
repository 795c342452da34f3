import Foundation

/// The recorded runs of Tests/Golden, and the command lines that repeat them.
enum GoldenRecords {
    struct Runs: Decodable {
        struct Forward: Decodable { var recurrences: [Int] }
        struct Autoregressive: Decodable {
            var prompt: Int
            var recurrence: Int
            var new_tokens: Int
            var kv_cache: String
            var sequence: [Int]

            var options: [String] {
                [
                    "--sampler", "autoregressive", "--recurrence", "\(recurrence)", "--max-new-tokens", "\(new_tokens)",
                    "--kv-budget", kv_cache == "shared" ? "1" : "\(recurrence)",
                ]
            }
        }
        struct Settings: Decodable {
            var new_tokens: Int
            var headway: Int
            var ema_embeds: Double
            var state_noise_mixing: Double
            var inner_recurrence: Int
            var num_steps: Int
            var freeze_strategy: String
            var exit_t: Double
            var max_wavefront: Int
            var dampened_state_mixer: Bool?
            var sqrt_mixer: Bool?
            var continuous_compute: Bool?
            var full_prefill: Bool?

            var options: [String] {
                var options = [
                    "--sampler", "diffusion", "--max-new-tokens", "\(new_tokens)", "--headway", "\(headway)",
                    "--embedding-ema", "\(ema_embeds)", "--state-noise", "\(state_noise_mixing)",
                    "--inner-recurrence", "\(inner_recurrence)", "--recurrence", "\(num_steps)",
                    "--freeze", freeze_strategy, "--exit-threshold", "\(exit_t)", "--max-wavefront", "\(max_wavefront)",
                    "--noise-form", sqrt_mixer == true ? "sqrt" : "linear",
                    "--noise-schedule", dampened_state_mixer == false ? "constant" : "dampened",
                ]
                if continuous_compute == true { options.append("--warm-start") }
                if full_prefill == false { options.append("--no-prefill") }
                return options
            }
        }
        struct Step: Decodable, Equatable {
            var frozen: [Int]
            var current: [Int]
            var counter: [Int]
        }
        struct Diffusion: Decodable {
            var prompt: Int
            var settings: Settings
            var sequence: [Int]
            var steps: [Step]
        }
        var prompts: [[Int]]
        var forward: Forward
        var autoregressive: [Autoregressive]
        var diffusion: [Diffusion]?
    }

    struct WordProblems: Decodable {
        struct Row: Decodable {
            var question: String
            var prompt_tokens: [Int]
            var autoregressive_shared: [Int]
            var autoregressive_per_recurrence: [Int]
            var diffusion: [Int]
            var text: String
        }
        var recurrence: Int
        var rows: [Row]
    }

    static func runs(_ model: String) throws -> Runs { try decode("\(model)/golden.json") }
    static func wordProblems() throws -> WordProblems { try decode("wordmath.json") }

    private static func decode<Value: Decodable>(_ path: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: TestModels.golden.appending(path: path)))
    }
}
