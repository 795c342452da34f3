/// The keys of `generation_config.json` that change what the transformers library generates and that this version does
/// not apply. A value that changes nothing is passed over; with any other, generation is refused by the key's name.
enum UnsupportedGenerationKeys {
    private typealias Key = (name: String, isNeutral: @Sendable (OrderedJSON) -> Bool)

    /// Keys of another way of searching, of other logits and of other ends.
    private static let always: [Key] = [
        ("num_beams", equals(1)), ("num_beam_groups", equals(1)), ("num_return_sequences", equals(1)),
        ("penalty_alpha", equals(0)), ("dola_layers", isEmpty), ("constraints", isEmpty), ("force_words_ids", isEmpty),
        ("guidance_scale", equals(1)), ("sequence_bias", isEmpty), ("encoder_repetition_penalty", equals(1)),
        ("encoder_no_repeat_ngram_size", equals(0)), ("exponential_decay_length_penalty", isEmpty),
        ("watermarking_config", isEmpty), ("token_healing", isFalse), ("forced_decoder_ids", isEmpty),
        ("is_assistant", isFalse), ("max_time", isEmpty),
        ("cache_implementation", { if case .string("quantized") = $0 { false } else { true } }),
    ]

    /// Filters of the probabilities. A greedy choice does not see them.
    private static let ofSampling: [Key] = [
        ("top_h", equals(1)), ("typical_p", { isNumber($0) { $0 >= 1 } }), ("epsilon_cutoff", isOutsideOfUnit),
        ("eta_cutoff", isOutsideOfUnit),
    ]

    static func found(in document: ConfigurationDocument) -> [GenerationConfiguration.Unsupported] {
        func found(_ keys: [Key], needsSampling: Bool) -> [GenerationConfiguration.Unsupported] {
            keys.compactMap { key in
                guard let value = document[key.name], !key.isNeutral(value) else { return nil }
                return .init(
                    problem: document.error(key.name, "is \(value.description), which this version does not apply")
                        .description, needsSampling: needsSampling)
            }
        }
        return found(always, needsSampling: false) + found(ofSampling, needsSampling: true)
    }

    // MARK: Neutral values

    private static func isNumber(_ value: OrderedJSON, _ holds: (Double) -> Bool) -> Bool {
        if case .number(let number) = value { holds(number) } else { false }
    }

    private static func equals(_ neutral: Double) -> @Sendable (OrderedJSON) -> Bool {
        { isNumber($0) { $0 == neutral } }
    }

    @Sendable private static func isOutsideOfUnit(_ value: OrderedJSON) -> Bool {
        isNumber(value) { $0 <= 0 || $0 >= 1 }
    }

    @Sendable private static func isFalse(_ value: OrderedJSON) -> Bool {
        if case .bool(false) = value { true } else { false }
    }

    @Sendable private static func isEmpty(_ value: OrderedJSON) -> Bool {
        switch value {
        case .null: true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        case .bool, .number, .string: false
        }
    }
}
