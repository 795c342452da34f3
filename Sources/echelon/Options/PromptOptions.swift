import ArgumentParser
import Safetensors

/// The model and the prompt of `generate` and `profile`.
struct PromptOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "A model, a prompt, or both. Put quotes around a prompt with spaces; - reads it from standard input.",
            valueName: "model> <prompt"))
    var modelAndPrompt: [String] = []

    @Option(parsing: .unconditional, help: "Give the prompt as token ids, 1,2,3, instead of as text.")
    var tokens: TokenList?

    @Flag(help: "Use the prompt as it is, without the chat template.")
    var raw = false

    @Option(parsing: .unconditional, help: "Put a system message before the prompt.")
    var system: String?

    enum Prompt {
        case text(String)
        case tokens([Int32])
    }

    func validate() throws {
        if modelAndPrompt.count > 2 {
            throw ValidationError("Too many arguments: give a model and a prompt, the prompt in quotes.")
        }
        if tokens != nil, modelAndPrompt.count > 1 || hasTextOptions {
            throw ValidationError("--tokens replaces PROMPT, so it cannot be combined with PROMPT, --system or --raw.")
        }
        if raw, system != nil { throw ValidationError("--system needs the chat template, which --raw leaves out.") }
    }

    /// Whether an option is given that applies only to a prompt of text.
    var hasTextOptions: Bool { raw || system != nil }

    /// Whether there is a prompt. It is not read to find out.
    var hasPrompt: Bool {
        tokens != nil || modelAndPrompt.count == 2 || modelAndPrompt.first.map { !Self.isModel($0) } ?? false
    }

    /// The path of the model, nil for the embedded checkpoint, and the prompt, nil if there is only a model.
    /// - Throws: ``CommandError`` if the only argument looks like the path of a model, but there is nothing there.
    func read() throws -> (model: String?, prompt: Prompt?) {
        if let tokens { return (modelAndPrompt.first, .tokens(tokens.tokens)) }
        guard let first = modelAndPrompt.first else { return (nil, nil) }
        if modelAndPrompt.count == 2 { return (first, try text(modelAndPrompt[1])) }
        guard Self.isModel(first) else { return (nil, try text(first)) }
        guard FilePath.kind(of: first) != nil else {
            throw CommandError(
                "There is no plan and no checkpoint folder at \(first). If it is the prompt, pipe it in and give -.")
        }
        return (first, nil)
    }

    private func text(_ argument: String) throws -> Prompt {
        let text = argument == "-" ? try Terminal.input() : FilePath.readable(argument)
        guard text.contains(where: { !$0.isWhitespace }) else {
            let reason = argument == "-" ? ": standard input has no text." : "; give some text to continue."
            throw CommandError("The prompt is empty\(reason)")
        }
        return .text(text)
    }

    /// Whether an argument is a model: a file, or one word with a slash or an extension. A misspelt path must not become a
    /// question to the embedded model.
    private static func isModel(_ argument: String) -> Bool {
        if argument == "-" { return false }
        if FilePath.kind(of: argument) != nil { return true }
        return !argument.contains(where: \.isWhitespace)
            && (argument.contains("/") || argument.dropLast().contains("."))
    }
}

extension PromptOptions.Prompt {
    /// The tokens of the prompt.
    /// - Parameter tools: The model's tokenizer and template, which only text needs.
    func tokens(_ tools: () throws -> TextTools, _ options: PromptOptions) throws -> [Int32] {
        switch self {
        case .tokens(let tokens): tokens
        case .text(let text): try tools().prompt(text, system: options.system.map(FilePath.readable), raw: options.raw)
        }
    }
}
