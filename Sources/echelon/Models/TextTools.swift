import Checkpoints
import Plans

/// The tokenizer and the chat template of a model.
struct TextTools {
    let tokenizer: Tokenizer
    /// The parsed template. A damaged one is reported only if a prompt needs it.
    private let template: Result<ChatTemplate, any Error>

    /// - Parameter documents: The texts of the checkpoint's documents by their file names.
    /// - Throws: ``CommandError`` if there is no tokenizer among them.
    init(_ documents: [String: String]) throws {
        guard let json = documents[CheckpointDocument.tokenizer.rawValue] else {
            throw CommandError("The model has no tokenizer.json: give the prompt as --tokens and read --json's tokens.")
        }
        let configuration = try TokenizerConfiguration(documents: documents, folder: "the model")
        tokenizer = try Tokenizer(json: json.utf8, declaring: configuration.declaredTokens)
        template = Result { try ChatTemplate(configuration) }
    }

    /// The tokens of a prompt.
    /// - Parameter raw: Whether the text is encoded as it is, without the chat template.
    func prompt(_ text: String, system: String?, raw: Bool) throws -> [Int32] {
        if raw { return try tokenizer.encode(text, addSpecialTokens: true) }
        var messages = [ChatMessage(role: "user", content: text)]
        if let system { messages.insert(ChatMessage(role: "system", content: system), at: 0) }
        // The template writes the special tokens itself.
        return try tokenizer.encode(
            template.get().render(messages: messages, addGenerationPrompt: true), addSpecialTokens: false)
    }
}
