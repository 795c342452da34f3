import Architectures
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

private func huginn(_ json: String, tensors: Set<String>? = nil) throws -> HuginnConfiguration {
    try HuginnConfiguration(ConfigurationDocument(json: json, name: "config.json"), tensors: tensors)
}

@Suite struct HuginnConfigurationTests {
    /// The keys of the published 3.5B checkpoint that matter, and one that does not.
    static let published: [String: any Sendable] = [
        "architectures": ["RavenForCausalLM"], "model_type": "huginn_raven", "architecture_class_name": "RecurrentGPT",
        "n_embd": 5280, "n_heads": 55, "num_attention_heads": 55, "num_key_value_heads": 55, "head_dim": 96,
        "intermediate_size": 17920, "n_layers_in_prelude": 2, "n_layers_in_recurrent_block": 4, "n_layers_in_coda": 2,
        "mean_recurrence": 32, "vocab_size": 65536, "padded_vocab_size": 65536, "block_size": 4096, "norm_eps": 1e-6,
        "rope_base": 50000, "qk_bias": true, "bias": false, "tie_embeddings": true, "tie_word_embeddings": true,
        "injection_type": "linear", "block_class_name": "SandwichBlock", "mlp_class_name": "GatedMLP",
        "nonlin_name": "SiLU", "norm_class_name": "RMSNorm_llama", "state_init": "like-init", "test_time_noise": 0,
        "mean_backprop_depth": 8,
    ]

    func read(_ changes: [String: (any Sendable)?] = [:]) throws -> HuginnConfiguration {
        try huginn(json(Self.published, changes))
    }

    @Test func thePublishedConfigurationIsRead() throws {
        let configuration = try read()
        #expect(configuration.width == 5280)
        #expect(configuration.heads == 55)
        #expect(configuration.headDimension == 96)
        #expect(configuration.intermediate == 17920)
        #expect(configuration.preludeBlocks == 2)
        #expect(configuration.coreBlocks == 4)
        #expect(configuration.codaBlocks == 2)
        #expect(configuration.meanRecurrence == 32)
        #expect(configuration.vocabulary == 65536)
        #expect(configuration.context == 4096)
        #expect(configuration.normEpsilon == 1e-6)
        #expect(configuration.ropeBase == 50000)
        #expect(configuration.hasQueryKeyBias)
        #expect(configuration.tiesEmbeddings)
    }

    @Test func freeChoicesAreTakenAsTheyStand() throws {
        let configuration = try read([
            "n_layers_in_prelude": 0, "n_layers_in_coda": 0, "n_layers_in_recurrent_block": 1, "tie_embeddings": false,
            "qk_bias": false, "vocab_size": 65001, "rope_base": 10000.5, "n_embd": 5280.0, "unknown": ["a": [["b": 1]]],
        ])
        #expect(configuration.preludeBlocks == 0)
        #expect(configuration.codaBlocks == 0)
        #expect(configuration.coreBlocks == 1)
        #expect(!configuration.tiesEmbeddings)
        #expect(!configuration.hasQueryKeyBias)
        #expect(configuration.vocabulary == 65536)
        #expect(configuration.ropeBase == 10000.5)
    }

    @Test func wholeNumbersMayBeWrittenWithAFraction() throws {
        let text = try json(Self.published, ["n_embd": nil, "rope_base": nil])
        let json = text.dropLast() + #","n_embd":5280.0,"rope_base":5e4}"#
        let configuration = try huginn(String(json))
        #expect(configuration.width == 5280)
        #expect(configuration.ropeBase == 50000)
    }

    @Test func keysThatAnotherOneStandsForMayBeAbsent() throws {
        let configuration = try read([
            "head_dim": nil, "num_key_value_heads": nil, "n_heads": nil, "padded_vocab_size": nil, "vocab_size": 512,
            "bias": nil, "tie_embeddings": nil, "tie_word_embeddings": false, "architectures": nil, "state_init": nil,
            "architecture_class_name": nil, "test_time_noise": nil,
        ])
        #expect(configuration.heads == 55)
        #expect(configuration.vocabulary == 512)
        #expect(!configuration.tiesEmbeddings)
    }

    @Test(arguments: [
        "n_embd", "intermediate_size", "n_layers_in_prelude", "n_layers_in_recurrent_block", "n_layers_in_coda",
        "mean_recurrence", "block_size", "norm_eps", "rope_base", "qk_bias", "injection_type", "block_class_name",
        "mlp_class_name", "nonlin_name", "norm_class_name", "model_type",
    ])
    func aMissingOrNullKeyIsNamed(_ key: String) throws {
        for value: (any Sendable)? in [nil, NSNull()] {
            let text = try #require(
                message { _ = try ArchitectureRegistry.architecture(json: json(Self.published, [key: value])) })
            #expect(text.contains("\"\(key)\"") && text.contains("missing"), "\(text)")
        }
    }

    @Test func aMissingPairOfKeysIsNamed() {
        #expect(message { _ = try read(["n_heads": nil, "num_attention_heads": nil]) }?.contains("n_heads") == true)
        #expect(
            message { _ = try read(["vocab_size": nil, "padded_vocab_size": nil]) }?.contains("vocab_size") == true)
        let ties = message { _ = try read(["tie_embeddings": nil, "tie_word_embeddings": nil]) }
        #expect(ties?.contains("tie_embeddings") == true)
    }

    /// A key, a value that it must not have, and what the message has to contain in addition to the key.
    static let refused: [(key: String, value: any Sendable, shown: String)] = [
        ("model_type", "llama", "llama"), ("architectures", ["LlamaForCausalLM"], "LlamaForCausalLM"),
        ("architectures", "RavenForCausalLM", "a list"), ("architectures", [1], "1"), ("model_type", 3, "3"),
        ("architecture_class_name", "GPT", "GPT"), ("injection_type", "add", "add"),
        ("block_class_name", "TransformerPreNormBlock", "TransformerPreNormBlock"),
        ("mlp_class_name", "BaseMLP", "BaseMLP"),
        ("nonlin_name", "GELU", "GELU"), ("norm_class_name", "LayerNorm", "LayerNorm"), ("state_init", "zero", "zero"),
        ("bias", true, "true"), ("bias", 1.5, "1.5"), ("qk_bias", "yes", "yes"),
        ("tie_embeddings", ["a": 1], "an object"),
        ("test_time_noise", 0.1, "0.1"), ("n_embd", 0, "0"), ("n_embd", -5280, "-5280"), ("n_embd", 5280.5, "5280.5"),
        ("n_embd", "5280", "5280"), ("n_embd", true, "true"), ("n_embd", 5281, "5281"), ("n_embd", 55 * 97, "97"),
        ("n_embd", 1 << 40, "1099511627776"), ("n_embd", 1e300, "1e+300"), ("n_embd", [5280], "a list"),
        ("intermediate_size", 0, "0"), ("intermediate_size", Int.max, "9.22"), ("n_layers_in_prelude", -1, "-1"),
        ("n_layers_in_recurrent_block", 0, "0"), ("n_layers_in_coda", 257, "257"),
        ("n_layers_in_coda", 1_000_000, "1000000"), ("mean_recurrence", 0, "0"),
        ("head_dim", 95, "95"), ("num_attention_heads", 54, "54"), ("num_key_value_heads", 11, "11"),
        ("padded_vocab_size", 65535, "65535"), ("vocab_size", 0, "0"), ("block_size", 0, "0"), ("norm_eps", 0, "0"),
        ("norm_eps", -1e-6, "-1e-06"), ("norm_eps", "1e-6", "1e-6"), ("rope_base", 0, "0"),
        ("rope_base", -50000, "-50000"),
    ]

    @Test(arguments: refused.indices) func aBadValueIsNamedWithItsKey(_ index: Int) throws {
        let (key, value, shown) = Self.refused[index]
        var changes: [String: (any Sendable)?] = [key: value]
        // Only then is the odd dimension reported.
        if shown == "97" { changes["head_dim"] = .some(nil) }
        let text = try #require(
            message { _ = try ArchitectureRegistry.architecture(json: json(Self.published, changes)) })
        #expect(text.hasPrefix("config.json: "))
        #expect(text.contains("\"\(key)\"") && text.contains(shown), "\(text)")
    }

    @Test func textThatIsNoObjectIsRefused() throws {
        for text in ["", "{", "[]", "3", "null", "{\"n_embd\": NaN}", "{\"n_embd\": 1e999}", "\u{0}"] {
            #expect(throws: CheckpointError.self, "\(text)") { try huginn(text) }
        }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: CheckpointError.self) { try huginn("{\"a\":" + deep) }
        let nested = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
        let text = try json(Self.published).dropLast() + ",\"extra\":\(nested)}"
        #expect(try huginn(String(text)).width == 5280)
    }

    @Test func `numbers that Python writes and JSON lacks are read in keys that do not matter`() throws {
        let plain = try json(Self.published)
        for number in ["Infinity", "-Infinity", "NaN", "1e999"] {
            let text = plain.replacing(
                "{", with: "{\"time_step_limit\": [0.0, \(number)], \"x\": {\"y\": \(number)}, ", maxReplacements: 1)
            #expect(try huginn(text) == read())
            let wrong = plain.replacing("0.000001", with: number).replacing("1e-06", with: number)
            #expect(message { _ = try huginn(wrong) }?.contains("norm_eps") == true, "\(number)")
        }
        for text in ["{\"x\": Inf}", "{\"x\": nan}", "{\"x\": +Infinity}", "{\"x\": Na"] {
            #expect(
                message { _ = try huginn(text) }?.contains("is not valid JSON") == true, "\(text)")
        }
    }

    @Test func `of a key that occurs twice the last value counts`() throws {
        let text = try json(Self.published).replacing("{", with: "{\"n_embd\": 7, ", maxReplacements: 1)
        #expect(try huginn(text) == read())
    }

    /// A key of another family, values that change nothing, and values that would change the logits.
    static let foreignSettings: [(key: String, neutral: [any Sendable], refused: [any Sendable])] = [
        (
            "rope_scaling",
            [["rope_type": "default"], ["type": "linear", "factor": 1.0] as [String: any Sendable]],
            [
                ["rope_type": "linear", "factor": 2.0] as [String: any Sendable], ["type": "dynamic"], ["factor": 2],
                2.0,
            ]
        ),
        (
            "rope_parameters",
            [
                ["rope_type": "default", "rope_theta": 50000.0] as [String: any Sendable], ["rope_theta": 50000],
                [String: Int](),
            ],
            [
                ["rope_type": "default", "rope_theta": 10000.0] as [String: any Sendable], ["rope_theta": 10000.0],
                ["rope_type": "default", "partial_rotary_factor": 0.5] as [String: any Sendable], ["rope_type": "yarn"],
                ["full_attention": ["rope_type": "default"]],
            ]
        ),
        ("rope_theta", [50000.0], [10000.0, "50000"]), ("partial_rotary_factor", [1.0], [0.5]),
        ("sliding_window", [4096, 8192], [4095, "wide"]), ("attention_bias", [false], [true]),
        ("layer_types", [["full_attention"]], [["full_attention", "sliding_attention"], "full_attention"]),
        ("final_logit_softcapping", [0], [30.0]), ("attn_logit_softcapping", [0.0], [50.0]),
        ("mlp_bias", [false], [true]),
        ("logit_scale", [1], [0.0625]), ("residual_multiplier", [1.0], [0.22]), ("query_pre_attn_scalar", [96], [256]),
        ("quantization_config", [], [["quant_method": "fp8"], [String: Int]()]), ("hidden_act", ["silu"], ["gelu"]),
        ("rms_norm_eps", [1e-6], [1e-5]), ("hidden_size", [5280], [4096]), ("num_local_experts", [1], [8]),
    ]

    @Test(arguments: foreignSettings.map(\.key))
    func `a key of another family that would change the numbers is refused by name`(_ key: String) throws {
        let setting = try #require(Self.foreignSettings.first { $0.key == key })
        #expect(try read([key: NSNull()]) == read())
        for value in setting.neutral { #expect(try read([key: value]) == read(), "\(value)") }
        for value in setting.refused {
            #expect(message { _ = try read([key: value]) }?.contains("\"\(key)\" is") == true, "\(value)")
        }
    }

    @Test func `a sliding window that is switched off changes nothing`() throws {
        #expect(try read(["sliding_window": 1, "use_sliding_window": false]) == read())
    }

    @Test func `biases that the configuration denies are refused by name`() throws {
        let tensors: Set = ["transformer.wte.weight", "transformer.core_block.0.attn.qk_bias"]
        let text = message { _ = try huginn(json(Self.published, ["qk_bias": false]), tensors: tensors) }
        #expect(
            text?.contains("\"qk_bias\"") == true && text?.contains("transformer.core_block.0.attn.qk_bias") == true)
        #expect(try huginn(json(Self.published), tensors: tensors) == read())
        #expect(try huginn(json(Self.published, ["qk_bias": false]), tensors: ["transformer.wte.weight"]).heads == 55)
    }
}
