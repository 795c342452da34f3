/// The text files of a checkpoint. The raw value is the file's name.
public enum CheckpointDocument: String, CaseIterable, Hashable, Sendable {
    case configuration = "config.json"
    case generationConfiguration = "generation_config.json"
    case tokenizer = "tokenizer.json"
    case tokenizerConfiguration = "tokenizer_config.json"
    /// The chat template of newer checkpoints; older ones have it in `tokenizer_config.json`.
    case chatTemplate = "chat_template.jinja"
}
