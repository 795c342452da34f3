import Checkpoints

/// The keys of `config.json` that would change the numbers of a Huginn model, if its published code knew them. A value
/// that changes nothing is passed over, and any other is refused by name.
struct ForeignSettings {
    let configuration: HuginnConfiguration

    /// - Throws: ``CheckpointError`` that names the first key whose value is not one that changes nothing.
    func check(_ document: ConfigurationDocument) throws {
        for (key, isNeutral, neutral) in settings {
            guard let value = document[key], !isNeutral(value, document) else { continue }
            throw document.error(
                key, "is \(value.description), which this version does not apply; only \(neutral) is supported")
        }
    }

    private typealias Setting = (
        key: String, isNeutral: (OrderedJSON, ConfigurationDocument) -> Bool, neutral: String
    )

    private var settings: [Setting] {
        rotaryEmbedding + attention + scales + otherNames
            + [
                // The scales of quantized weights lie in tensors that only the quantizer's own code can read.
                ("quantization_config", { _, _ in false }, "a checkpoint without it"),
                ("compression_config", { _, _ in false }, "a checkpoint without it"),
                equal("num_experts", 0, 1), equal("num_local_experts", 0, 1),
            ]
    }

    private var rotaryEmbedding: [Setting] {
        let neutral = "the plain rotary embedding, {\"rope_type\": \"default\"},"
        let isPlain = { [self] (value: OrderedJSON, _: ConfigurationDocument) in isPlainRotaryEmbedding(value) }
        return [
            ("rope_scaling", isPlain, neutral), ("rope_parameters", isPlain, neutral),
            equal("rope_theta", configuration.ropeBase), equal("partial_rotary_factor", 1), equal("rotary_pct", 1),
            isFalse("alibi"),
        ]
    }

    /// Whether an object of rotary parameters asks for unchanged angles of ``HuginnConfiguration/ropeBase``.
    private func isPlainRotaryEmbedding(_ value: OrderedJSON) -> Bool {
        guard case .object(let members) = value else { return false }
        let parameters = Dictionary(members.map { ($0.key, $0.value) }) { _, last in last }
        func isAbsent(_ key: String, or number: Double) -> Bool {
            switch parameters[key] {
            case nil, .null: true
            case .number(let value): value == number
            default: false
            }
        }
        guard isAbsent("rope_theta", or: configuration.ropeBase), isAbsent("partial_rotary_factor", or: 1) else {
            return false
        }
        switch parameters["rope_type"] ?? parameters["type"] {
        case .string("default"): return true
        case .string("linear"): return isAbsent("factor", or: 1)
        case nil, .null:
            return Set(parameters.keys).isSubset(of: ["rope_type", "type", "rope_theta", "partial_rotary_factor"])
        default: return false
        }
    }

    private var attention: [Setting] {
        [
            ("sliding_window", { [self] in isWideWindow($0, $1) }, "a window of at least \"block_size\""),
            (
                "layer_types",
                { value, _ in
                    guard case .array(let types) = value else { return false }
                    return types.allSatisfy { if case .string("full_attention") = $0 { true } else { false } }
                }, "a list of \"full_attention\""
            ),
            isFalse("attention_bias"), isFalse("qk_norm"), isFalse("use_qk_norm"), isFalse("qk_layernorm"),
            isFalse("use_parallel_residual"), isFalse("parallel_attn"), isFalse("clip_qkv"),
            isFalse("attn_logit_softcapping"),
            ("is_causal", { value, _ in if case .bool(true) = value { true } else { false } }, "true"),
            equal("query_pre_attn_scalar", Double(configuration.headDimension)),
        ]
    }

    private func isWideWindow(_ value: OrderedJSON, _ document: ConfigurationDocument) -> Bool {
        if case .bool(false)? = document["use_sliding_window"] { return true }
        return value.integer.map { $0 >= configuration.context } ?? false
    }

    private var scales: [Setting] {
        [
            isFalse("final_logit_softcapping"), isFalse("mlp_bias"), equal("logit_scale", 1),
            equal("logits_scaling", 1),
            equal("embedding_multiplier", 1), equal("residual_multiplier", 1), equal("scale_depth", 1),
            equal("attention_multiplier", 1 / Double(configuration.headDimension).squareRoot()),
        ]
    }

    /// Names of other families for what Huginn calls otherwise. They may agree.
    private var otherNames: [Setting] {
        [
            (
                "hidden_act",
                { value, _ in
                    guard case .string(let name) = value else { return false }
                    return ["silu", "swish"].contains(name.lowercased())
                }, "\"silu\""
            ),
            equal("hidden_size", Double(configuration.width)), equal("rms_norm_eps", configuration.normEpsilon),
        ]
    }

    /// A number that changes nothing if it is one of `numbers`.
    private func equal(_ key: String, _ numbers: Double...) -> Setting {
        (
            key, { value, _ in if case .number(let number) = value { numbers.contains(number) } else { false } },
            numbers.map { OrderedJSON.number($0).description }.joined(separator: " or ")
        )
    }

    /// A switch, or a number that is 0 when it is off.
    private func isFalse(_ key: String) -> Setting {
        (
            key,
            { value, _ in
                switch value {
                case .bool(let isOn): !isOn
                case .number(let number): number == 0
                case .null, .string, .array, .object: false
                }
            }, "false"
        )
    }
}
