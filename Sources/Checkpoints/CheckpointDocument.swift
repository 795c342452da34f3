/// The text files of a checkpoint. The raw value is the file's name.
public enum CheckpointDocument: String, CaseIterable, Hashable, Sendable {
    case configuration = "config.json"
    case generationConfiguration = "generation_config.json"
    case tokenizer = "tokenizer.json"
    case tokenizerConfiguration = "tokenizer_config.json"
    /// The names of special tokens in older checkpoints.
    case specialTokensMap = "special_tokens_map.json"
    /// The ids of added tokens in older checkpoints.
    case addedTokens = "added_tokens.json"
    /// The chat template of newer checkpoints; older ones have it in `tokenizer_config.json`.
    case chatTemplate = "chat_template.jinja"
    /// The default of several chat templates.
    case defaultChatTemplate = "additional_chat_templates/default.jinja"
    /// The chat template of older checkpoints with a processor.
    case legacyChatTemplate = "chat_template.json"
}
