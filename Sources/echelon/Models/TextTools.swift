import Checkpoints
import Plans

/// The tokenizer and the chat template of a plan.
struct TextTools {
    let tokenizer: Tokenizer
    /// The parsed template. A damaged one is reported only if a prompt needs it.
    private let template: Result<ChatTemplate, any Error>

    /// - Throws: ``CommandError`` if the plan has no tokenizer.
    init(_ plan: Plan) throws {
        let documents = plan.contents.documents
        guard let json = documents[CheckpointDocument.tokenizer.rawValue] else {
            throw CommandError("The model has no tokenizer.json: give the prompt as --tokens and read --json's tokens.")
        }
        tokenizer = try Tokenizer(json: json.utf8)
        template = Result {
            try ChatTemplate(
                tokenizerConfiguration: documents[CheckpointDocument.tokenizerConfiguration.rawValue] ?? "{}",
                jinjaFile: documents[CheckpointDocument.chatTemplate.rawValue], folder: "the model")
        }
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
