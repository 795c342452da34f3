import ArgumentParser
import Foundation

/// A model and what it is to continue, as `generate` and `profile` take them.
struct PromptOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "A model, a prompt, or both. A prompt with spaces stands in quotes; - reads it from standard input.",
            valueName: "model> <prompt"))
    var modelAndPrompt: [String] = []

    @Option(parsing: .unconditional, help: "The prompt as token ids, 1,2,3, in place of text.")
    var tokens: TokenList?

    @Flag(help: "Do not put the prompt through the chat template.")
    var raw = false

    @Option(help: "A system message before the prompt.")
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
            throw ValidationError("--tokens takes the place of PROMPT, --system and --raw.")
        }
        if raw, system != nil { throw ValidationError("--system needs the chat template, which --raw leaves out.") }
    }

    /// Whether something is asked for that only a prompt of text can have.
    var hasTextOptions: Bool { raw || system != nil }

    /// Whether there is a prompt, which is not read for that.
    var hasPrompt: Bool {
        tokens != nil || modelAndPrompt.count == 2 || modelAndPrompt.first.map { !Self.isModel($0) } ?? false
    }

    /// The model's path, nil for the model inside this program, and the prompt, nil where there is only a model.
    /// - Throws: ``CommandError`` for a single argument that names no model but looks as if it should.
    func read() throws -> (model: String?, prompt: Prompt?) {
        if let tokens { return (modelAndPrompt.first, .tokens(tokens.tokens)) }
        guard let first = modelAndPrompt.first else { return (nil, nil) }
        if modelAndPrompt.count == 2 { return (first, try text(modelAndPrompt[1])) }
        guard Self.isModel(first) else { return (nil, try text(first)) }
        guard FileManager.default.fileExists(atPath: first) else {
            throw CommandError(
                "There is no plan and no checkpoint folder at \(first). If it is the prompt, pipe it in and give -.")
        }
        return (first, nil)
    }

    private func text(_ argument: String) throws -> Prompt {
        let text = argument == "-" ? try Terminal.input() : argument
        guard text.contains(where: { !$0.isWhitespace }) else {
            let reason = argument == "-" ? ": standard input has no text." : "; give some text to continue."
            throw CommandError("The prompt is empty\(reason)")
        }
        return .text(text)
    }

    /// Files are models, and so is one word with a slash or an ending: a name that is misspelt should not become a
    /// question for another model.
    private static func isModel(_ argument: String) -> Bool {
        if argument == "-" { return false }
        if FileManager.default.fileExists(atPath: argument) { return true }
        return !argument.contains(where: \.isWhitespace)
            && (argument.contains("/") || argument.dropLast().contains("."))
    }
}

extension PromptOptions.Prompt {
    /// - Parameter tools: the model's, for text.
    func tokens(_ tools: () throws -> TextTools, _ options: PromptOptions) throws -> [Int32] {
        switch self {
        case .tokens(let tokens): tokens
        case .text(let text): try tools().prompt(text, system: options.system, raw: options.raw)
        }
    }
}
