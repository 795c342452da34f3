import Checkpoints
import Foundation
import Testing

/// Changes to a JSON object. A nil removes the key.
private func json(_ base: [String: any Sendable], _ changes: [String: (any Sendable)?] = [:]) throws -> String {
    var object = base
    for (key, value) in changes { object[key] = value }
    return String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
}

private func message(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}

@Suite struct GenerationConfigurationTests {
    func read(_ object: [String: any Sendable]) throws -> GenerationConfiguration {
        try GenerationConfiguration(json: json(object))
    }

    @Test func whatTheFileDoesNotSayIsTheDefault() throws {
        #expect(try read([:]) == GenerationConfiguration())
        #expect(try read(["eos_token_id": NSNull(), "temperature": NSNull(), "transformers_version": "4"]) == .init())
        #expect(try read(["bos_token_id": "<s>", "pad_token_id": -1, "cache_implementation": ["a": 1]]) == .init())
        let defaults = GenerationConfiguration()
        #expect(
            defaults.isGreedy && defaults.stopTokens.isEmpty && defaults.topK == nil && defaults.maxNewTokens == nil)
    }

    @Test func everySettingIsRead() throws {
        let configuration = try read([
            "eos_token_id": [65505, 65508.0], "do_sample": true,
            "temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.1,
            "max_new_tokens": 99,
        ])
        #expect(configuration.stopTokens == [65505, 65508])
        #expect(configuration.samples && !configuration.isGreedy)
        #expect(configuration.temperature == 0.7)
        #expect(configuration.topK == 40)
        #expect(configuration.topP == 0.9)
        #expect(configuration.minP == 0.05)
        #expect(configuration.repetitionPenalty == 1.1)
        #expect(configuration.maxNewTokens == 99)
    }

    @Test func `keys that forbid tokens or end a text are read`() throws {
        let configuration = try read([
            "suppress_tokens": [1, -1], "begin_suppress_tokens": [2], "bad_words_ids": [[3], [4, 5]],
            "no_repeat_ngram_size": 3, "min_new_tokens": 4, "min_length": 5, "forced_bos_token_id": 6,
            "forced_eos_token_id": [7, 8], "stop_strings": ["a", "b"], "max_length": 20,
        ])
        #expect(configuration.suppressedTokens == [1, -1] && configuration.suppressedTokensAtBegin == [2])
        #expect(configuration.forbiddenSequences == [[3], [4, 5]] && configuration.noRepeatNGram == 3)
        #expect(configuration.minNewTokens == 4 && configuration.minLength == 5)
        #expect(configuration.forcedFirstToken == 6 && configuration.forcedLastTokens == [7, 8])
        #expect(configuration.stopStrings == ["a", "b"] && configuration.maxLength == 20)
        #expect(try read(["stop_strings": "a"]).stopStrings == ["a"])
        #expect(try read(["forced_eos_token_id": 7]).forcedLastTokens == [7])
        #expect(configuration.stopTokensAlone == .init())
    }

    /// Keys that are not applied, values that change nothing, and one that would change the text.
    static let unsupported: [(key: String, neutral: [any Sendable], other: any Sendable)] = [
        ("num_beams", [1], 4), ("num_beam_groups", [1], 2), ("num_return_sequences", [1], 3),
        ("penalty_alpha", [0], 0.6),
        ("dola_layers", [], "high"), ("constraints", [[String]()], [1]), ("force_words_ids", [[Int]()], [[1]]),
        ("guidance_scale", [1.0], 1.5), ("sequence_bias", [[String: Int]()], [[[1]]]),
        ("encoder_repetition_penalty", [1.0], 1.2), ("encoder_no_repeat_ngram_size", [0], 3),
        ("exponential_decay_length_penalty", [], [5, 1.2]), ("watermarking_config", [], ["bias": 2.0]),
        ("token_healing", [false], true), ("forced_decoder_ids", [[[Int]]()], [[1, 2]]),
        ("is_assistant", [false], true),
        ("max_time", [], 3.0), ("cache_implementation", ["dynamic"], "quantized"), ("typical_p", [1.0, 2], 0.9),
        ("epsilon_cutoff", [0.0, 1], 3e-4), ("eta_cutoff", [0.0], 3e-4), ("top_h", [1.0], 0.4),
    ]

    @Test(arguments: unsupported.map(\.key))
    func `a key that is not applied is kept with its name, unless its value changes nothing`(_ key: String) throws {
        let entry = try #require(Self.unsupported.first { $0.key == key })
        for value in entry.neutral + [NSNull()] { #expect(try read([key: value]) == .init(), "\(value)") }
        let found = try read([key: entry.other]).unsupported
        #expect(found.count == 1 && found[0].problem.contains("\"\(key)\" is"))
        #expect(found.first?.needsSampling == ["typical_p", "epsilon_cutoff", "eta_cutoff", "top_h"].contains(key))
    }

    @Test func `config.json has the defaults if there is no generation_config.json`() throws {
        let old = #"{"eos_token_id": 5, "temperature": 0.5, "do_sample": true, "suppress_tokens": null, "x": Infinity}"#
        let configuration = try GenerationConfiguration(documents: ["config.json": old])
        #expect(configuration.stopTokens == [5] && configuration.temperature == 0.5 && !configuration.isGreedy)
        // The newer file counts as a whole, even for keys that it lacks.
        let both = ["config.json": old, "generation_config.json": #"{"top_k": NaN, "top_k": 3}"#]
        #expect(try GenerationConfiguration(documents: both) == read(["top_k": 3]))
        #expect(try GenerationConfiguration(documents: [:]) == .init())
        #expect(
            message { _ = try GenerationConfiguration(documents: ["config.json": #"{"eos_token_id": "x"}"#]) }?
                .hasPrefix("config.json: ") == true)
    }

    @Test func oneStopTokenNeedsNoList() throws {
        #expect(try read(["eos_token_id": 7]).stopTokens == [7])
    }

    @Test func notSamplingOrNoTemperatureIsGreedy() throws {
        #expect(try read(["do_sample": false, "temperature": 0.7]).isGreedy)
        #expect(try read(["do_sample": true, "temperature": 0]).isGreedy)
        #expect(try read(["do_sample": true, "top_k": 0]).topK == nil)
    }

    static let refused: [(key: String, value: any Sendable)] = [
        ("eos_token_id", -1), ("eos_token_id", "2"), ("eos_token_id", [2, -1]),
        ("eos_token_id", [2, "3"] as [any Sendable]),
        ("eos_token_id", [[2]]), ("eos_token_id", 1.5), ("eos_token_id", 1 << 40), ("do_sample", 1.5),
        ("temperature", -0.1), ("temperature", "hot"), ("top_k", -1), ("top_k", 2.5), ("top_p", 1.1),
        ("top_p", -0.1), ("min_p", 2), ("repetition_penalty", 0), ("max_new_tokens", 0),
        ("suppress_tokens", "1"), ("begin_suppress_tokens", [-2]), ("bad_words_ids", [1]), ("bad_words_ids", [[Int]()]),
        ("bad_words_ids", [[-1]]), ("no_repeat_ngram_size", -1), ("min_new_tokens", 0.5), ("stop_strings", 1),
        ("stop_strings", [1]), ("max_length", 0), ("forced_bos_token_id", "a"), ("forced_eos_token_id", [-1]),
    ]

    @Test(arguments: refused.indices) func aBadValueIsNamedWithItsKey(_ index: Int) throws {
        let (key, value) = Self.refused[index]
        let text = try #require(message { _ = try read([key: value]) })
        #expect(text.hasPrefix("generation_config.json: ") && text.contains("\"\(key)\""), "\(text)")
    }
}
