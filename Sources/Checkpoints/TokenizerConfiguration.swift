import Safetensors

/// The special tokens and the chat template that a checkpoint names outside of `tokenizer.json`, put together from its
/// documents as the transformers library does.
///
/// Newer checkpoints have everything in `tokenizer_config.json`. Its `added_tokens_decoder` says that it is complete.
/// Without it, `special_tokens_map.json` and `added_tokens.json` count too.
public struct TokenizerConfiguration: Sendable {
    /// The special tokens by their names, such as `bos_token`: the variables of the chat template.
    public let specialTokens: [String: String]
    /// The tokens that the tokenizer has to know, with the flags that win over its own.
    public let declaredTokens: [DeclaredToken]
    /// The text of the chat template, and its file's name in messages; nil if there is none.
    public let template: (source: String, name: String)?
    /// The names of the templates if there are several and none is the default.
    let otherTemplates: [String]
    /// The file's name in messages.
    let name: String

    /// - Parameters:
    ///   - documents: the texts of a checkpoint's documents by their file names.
    ///   - folder: the folder's name in messages.
    /// - Throws: ``CheckpointError`` that names the document and its key at fault.
    public init(documents: [String: String], folder: String) throws {
        func document(_ kind: CheckpointDocument) throws -> ConfigurationDocument? {
            try documents[kind.rawValue].map { try ConfigurationDocument(json: $0, name: "\(folder)/\(kind.rawValue)") }
        }
        name = "\(folder)/\(CheckpointDocument.tokenizerConfiguration.rawValue)"
        let configuration = try document(.tokenizerConfiguration) ?? ConfigurationDocument(json: "{}", name: name)
        let isComplete = configuration.has("added_tokens_decoder")
        let named = try NamedTokens(configuration, legacy: isComplete ? nil : document(.specialTokensMap))
        specialTokens = Dictionary(named.tokens.map { ($0.name, $0.token.content) }) { _, last in last }

        var declared = try Self.decoderTokens(configuration)
        if !isComplete, let added = try document(.addedTokens) {
            declared += try Self.addedTokens(added, special: Set(named.all.map(\.content)))
        }
        declaredTokens = declared + named.all

        let templates = try Self.templates(configuration)
        otherTemplates = templates.map(\.name)
        // A file of its own wins over the key, and one called "default" over the others.
        let files: [CheckpointDocument] = [.defaultChatTemplate, .chatTemplate]
        if let file = files.first(where: { documents[$0.rawValue] != nil }) {
            template = (documents[file.rawValue] ?? "", "\(folder)/\(file.rawValue)")
        } else if let standard = templates.first(where: { $0.name == "default" }) {
            template = (standard.source, name)
        } else {
            let legacy = try document(.legacyChatTemplate)
            template = try legacy?.text("chat_template").map { ($0, "\(folder)/chat_template.json") }
        }
    }

    /// The tokens of `added_tokens_decoder`, in the order of their ids.
    private static func decoderTokens(_ configuration: ConfigurationDocument) throws -> [DeclaredToken] {
        guard let decoder = try configuration.members("added_tokens_decoder") else { return [] }
        return try decoder.map { key, value in
            let place = "\(configuration.name): added_tokens_decoder: \(quoted(key))"
            guard let id = Int32(key), let token = DeclaredToken(value, place: place, id: id) else {
                throw configuration.error("added_tokens_decoder", "does not describe a token at \(quoted(key))")
            }
            return token
        }
        .sorted { ($0.id ?? 0) < ($1.id ?? 0) }
    }

    /// The tokens of `added_tokens.json`, in the order of their ids, which say nothing about tokens of `tokenizer.json`.
    private static func addedTokens(_ document: ConfigurationDocument, special: Set<String>) throws -> [DeclaredToken] {
        try document.members.map { content, value in
            guard let id = TokenizerField.tokenID(value) else {
                throw document.error(content, "is \(value.description), and a token id is needed")
            }
            var token = DeclaredToken(content: content, place: document.name, isSpecial: special.contains(content))
            token.id = id
            token.flagsWin = false
            return token
        }
        .sorted { ($0.id ?? 0) < ($1.id ?? 0) }
    }

    /// The templates of the key `chat_template`: one, or a list of named ones.
    private static func templates(_ configuration: ConfigurationDocument) throws -> [(name: String, source: String)] {
        let key = "chat_template"
        switch configuration[key] {
        case nil: return []
        case .string(let source): return [("default", source)]
        case .array(let elements):
            return try elements.map { element in
                guard case .object(let members) = element,
                    case .string(let name)? = members.last(where: { $0.key == "name" })?.value,
                    case .string(let source)? = members.last(where: { $0.key == "template" })?.value
                else { throw configuration.error(key, "lists something that is not a \"name\" and a \"template\"") }
                return (name, source)
            }
        case let value?: throw configuration.error(key, "is \(value.description), and a string or a list is needed")
        }
    }
}
