import Safetensors

/// The special tokens that have names, such as `bos_token`, and the unnamed ones next to them.
struct NamedTokens {
    /// The tokens by name, in the order in which the tokenizer learns them.
    private(set) var tokens: [(name: String, token: DeclaredToken)] = []
    /// The special tokens without a name.
    private var unnamed: [DeclaredToken] = []

    var all: [DeclaredToken] { tokens.map(\.token) + unnamed }

    /// The names that every tokenizer has.
    private static let standardNames = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    /// - Parameters:
    ///   - configuration: `tokenizer_config.json`.
    ///   - legacy: `special_tokens_map.json`, which wins; nil if it is absent or does not count.
    init(_ configuration: ConfigurationDocument, legacy: ConfigurationDocument?) throws {
        let documents = [legacy, configuration].compactMap { $0 }
        for name in Self.standardNames {
            if let token = try documents.lazy.compactMap({ try Self.token($0, name) }).first {
                tokens.append((name, token))
            }
        }
        // transformers 5 has names in model_specific_special_tokens, and as keys of their own that end in _token;
        // transformers 4 has them in extra_special_tokens. That one wins, and then a key of its own.
        var extra: [String: DeclaredToken] = [:]
        var order: [String] = []
        func add(_ name: String, _ token: DeclaredToken) {
            if extra.updateValue(token, forKey: name) == nil { order.append(name) }
        }
        for document in documents.reversed() {
            for (name, value) in try document.members("model_specific_special_tokens") ?? [] {
                add(name, try Self.declared(value, document, "model_specific_special_tokens"))
            }
            for (name, value) in document.members where name.hasSuffix("_token") && !Self.standardNames.contains(name) {
                guard let token = DeclaredToken(value, place: "\(document.name): \(name)") else { continue }
                add(name, token)
            }
            guard case .object? = document["extra_special_tokens"] else { continue }
            for (name, value) in try document.members("extra_special_tokens") ?? [] {
                add(name, try Self.declared(value, document, "extra_special_tokens"))
            }
        }
        for name in order { if let token = extra[name] { tokens.append((name, token)) } }
        for index in tokens.indices { tokens[index].token.isSpecial = true }

        // The second key is the older name of the first.
        for document in documents.reversed() {
            let lists = ["extra_special_tokens", "additional_special_tokens"].compactMap { key in
                if case .array(let elements)? = document[key], !elements.isEmpty { (key, elements) } else { nil }
            }
            guard let (key, elements) = lists.first else { continue }
            for element in elements {
                var token = try Self.declared(element, document, key)
                token.isSpecial = true
                unnamed.append(token)
            }
        }
    }

    private static func token(_ document: ConfigurationDocument, _ name: String) throws -> DeclaredToken? {
        try document[name].map { try declared($0, document, name) }
    }

    private static func declared(
        _ value: OrderedJSON, _ document: ConfigurationDocument, _ key: String
    ) throws -> DeclaredToken {
        guard let token = DeclaredToken(value, place: "\(document.name): \(key)") else {
            throw document.error(key, "holds \(value.description), and the text of a token is needed")
        }
        return token
    }
}
