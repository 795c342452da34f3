/// The text files of a checkpoint. The raw value is the file's name.
public enum CheckpointDocument: String, CaseIterable, Hashable, Sendable {
    case configuration = "config.json"
    case generationConfiguration = "generation_config.json"
    case tokenizer = "tokenizer.json"
    case tokenizerConfiguration = "tokenizer_config.json"
    /// Where newer checkpoints keep what older ones have in `tokenizer_config.json`.
    case chatTemplate = "chat_template.jinja"
}
