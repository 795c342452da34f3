import Architectures
import Checkpoints
import Foundation
import GoldenRuns
import IR
import RepositoryFiles
import Testing

/// Which family a checkpoint belongs to, and what its configuration may say.
@Suite struct FamilyConfigurationTests {
    private static func text(_ name: String) throws -> String {
        try String(contentsOf: FamilyRuns.folder(name).appending(path: "config.json"), encoding: .utf8)
    }

    /// A family's configuration with other values; nil removes a key.
    private static func document(
        _ name: String, _ changes: [String: (any Sendable)?] = [:]
    ) throws -> ConfigurationDocument {
        let object = try JSONSerialization.jsonObject(with: Data(text(name).utf8))
        var members = try #require(object as? [String: Any])
        for (key, value) in changes { members[key] = value }
        let json = String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self)
        return try ConfigurationDocument(json: json, name: "config.json")
    }

    private static func name(_ architecture: any Architecture) -> String { type(of: architecture).record.name }

    @Test(arguments: FamilyRuns.names)
    func `a checkpoint belongs to its family, with its tensors and by its configuration alone`(_ name: String) throws {
        let checkpoint = try Checkpoint(folder: FamilyRuns.folder(name).path)
        #expect(Self.name(try ArchitectureRegistry.architecture(of: checkpoint)) == name)
        #expect(Self.name(try ArchitectureRegistry.architecture(json: Self.text(name))) == name)
    }

    @Test(arguments: FamilyRuns.names)
    func `a model reads exactly the tensors that its checkpoint holds`(_ name: String) throws {
        let checkpoint = try Checkpoint(folder: FamilyRuns.folder(name).path)
        let module = try ArchitectureRegistry.architecture(of: checkpoint).module(context: 64)
        #expect(Set(module.weights.flatMap(\.pieces).map(\.tensor)) == Set(checkpoint.tensorNames))
    }

    @Test(arguments: [
        ("huginn-0125", "huginn", 3_564_976_800), ("ouro-1.4b", "ouro", 1_434_652_673),
        ("ouro-2.6b", "ouro", 2_667_974_657), ("recurrent-llama-3.2", "retrofitted-llama", 1_385_228_288),
        ("recurrent-tinyllama", "retrofitted-llama", 844_171_264),
        ("recurrent-olmo-2", "retrofitted-olmo", 1_359_071_232), ("nanbeige4.2-3b", "nanbeige", 4_169_800_704),
    ])
    func `a published shape has its number of parameters`(_ file: String, _ name: String, _ parameters: Int) throws {
        let url = Repository.root.appending(path: "Tools/bench/\(file).json")
        let architecture = try ArchitectureRegistry.architecture(json: String(contentsOf: url, encoding: .utf8))
        #expect(Self.name(architecture) == name)
        let pieces = try architecture.module(context: 64).weights.flatMap(\.pieces)
        #expect(pieces.map { $0.shape.reduce(1, *) }.reduce(0, +) == parameters)
    }

    @Test func `an unknown family is refused with the known ones`() throws {
        #expect {
            try ArchitectureRegistry.architecture(json: #"{"model_type": "llama"}"#)
        } throws: { error in
            let text = "\(error)"
            return text.contains("llama") && text.contains("Ouro") && text.contains("Huginn")
        }
        #expect { try ArchitectureRegistry.architecture(json: "{}") } throws: { "\($0)".contains("model_type") }
    }

    private static let refused: [(family: String, key: String, value: (any Sendable)?)] = [
        ("ouro", "hidden_size", nil), ("ouro", "num_attention_heads", 0), ("ouro", "num_key_value_heads", 2),
        ("ouro", "head_dim", 23), ("ouro", "total_ut_steps", 0), ("ouro", "total_ut_steps", "four"),
        ("ouro", "layer_types", ["full_attention", "sliding_attention"]), ("ouro", "use_sliding_window", true),
        ("ouro", "hidden_act", "gelu"), ("ouro", "rms_norm_eps", 1), ("ouro", "quantization_config", ["bits": 4]),
        ("nanbeige", "enable_double_loop_split", true), ("nanbeige", "loop_share_kv", true),
        ("nanbeige", "qk_layernorm", true), ("nanbeige", "attention_bias", true),
        ("nanbeige", "insert_ngram_layer_idx", [1]), ("nanbeige", "emb_neighbor_num", 2),
        ("nanbeige", "vocab_size", -1),
        ("retrofitted-llama", "rope_theta", nil), ("retrofitted-llama", "qk_bias", true),
        ("retrofitted-llama", "num_key_value_heads", 4), ("retrofitted-llama", "initial_state_mode", "embed-init"),
        ("retrofitted-llama", "mean_recurrence", 0), ("retrofitted-llama", "injection_type", "add"),
        ("retrofitted-olmo", "n_layers_in_recurrent_block", 0), ("retrofitted-olmo", "norm_eps", 0),
        ("retrofitted-olmo", "test_time_noise", 1),
    ]

    @Test(arguments: refused.indices)
    func `a value that cannot be honoured is refused by its key`(_ index: Int) throws {
        let (family, key, value) = Self.refused[index]
        let checkpoint = try Checkpoint(folder: FamilyRuns.folder(family).path)
        let document = try Self.document(family, [key: value])
        #expect {
            try ArchitectureRegistry.architecture(of: document, tensors: Set(checkpoint.tensorNames))
        } throws: { error in
            "\(error)".contains("config.json") && "\(error)".contains(key)
        }
    }

    @Test func `loop losses say how many loops there are, whatever num_loops says`() throws {
        let document = try Self.document("nanbeige", ["loop_loss_weights": [1, 1], "num_loops": 5])
        #expect(try ArchitectureRegistry.architecture(of: document).shape.recurrence == 3)
    }

    @Test func `older and newer writers' rotary keys mean the same`() throws {
        let old = try Self.document(
            "ouro", ["rope_theta": 12345.0, "rope_scaling": ["type": "linear", "factor": 2] as [String: any Sendable]])
        let new = try Self.document(
            "ouro",
            [
                "rope_theta": nil,
                "rope_parameters": ["rope_type": "linear", "factor": 2, "rope_theta": 12345.0]
                    as [String: any Sendable],
            ])
        func frequencies(_ document: ConfigurationDocument) throws -> WeightSource? {
            try ArchitectureRegistry.architecture(of: document).module(context: 64).weight("rotary.frequencies")?.source
        }
        let expected = RotaryFrequencies(base: 12345, scaling: RotaryScaling(.linear, ["factor": 2]))
        #expect(try frequencies(old) == .frequencies(expected))
        #expect(try frequencies(new) == .frequencies(expected))
    }

    private static let refusedScalings: [[String: any Sendable]] = [
        ["rope_type": "longrope", "factor": 2], ["rope_type": "linear"], ["rope_type": "linear", "factor": 0],
        ["rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1],
        ["rope_type": "llama3", "factor": 8], ["rope_type": "yarn", "factor": 4, "mscale": 1],
        ["rope_type": "yarn", "factor": 4, "truncate": false],
        ["rope_type": "linear", "factor": 2, "partial_rotary_factor": 0.5],
    ]

    @Test(arguments: refusedScalings.indices)
    func `a rotary scaling that is unknown or incomplete is refused`(_ index: Int) throws {
        let document = try Self.document("ouro", ["rope_scaling": Self.refusedScalings[index]])
        #expect {
            try ArchitectureRegistry.architecture(of: document)
        } throws: {
            "\($0)".contains("rope_scaling")
        }
    }
}
