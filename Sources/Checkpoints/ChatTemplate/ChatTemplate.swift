import Foundation

/// One message of a conversation.
public struct ChatMessage: Sendable, Hashable {
    /// The speaker: `system`, `user`, `assistant`, or another role that the template knows.
    public let role: String
    public let content: String

    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}

/// A checkpoint's chat template, which turns a conversation into the text that the model continues.
///
///     let template = try ChatTemplate(source, name: "chat_template.jinja")
///     let question = ChatMessage(role: "user", content: "How many?")
///     let prompt = try template.render(messages: [question], addGenerationPrompt: true)
///
/// Templates are written in Jinja. This type supports the part of it that chat templates use, as transformers'
/// `apply_chat_template` renders it (Jinja2's immutable sandbox with `trim_blocks`, `lstrip_blocks` and the loop
/// controls). What is not supported is refused by name: tags when the template is read, and filters, tests and methods
/// when they are reached, so that a branch not taken does not matter.
///
/// Templates are untrusted: rendering always ends, with a bounded use of time, memory and stack.
public struct ChatTemplate: Sendable {
    /// The template's name in error messages: a file, usually.
    public let name: String
    /// The variables of every rendering: the special tokens of `tokenizer_config.json`.
    public let standardVariables: [String: TemplateValue]
    private let parsed: ParsedTemplate

    /// Reads a template.
    ///
    /// - Parameters:
    ///   - source: the template's text.
    ///   - name: its name in error messages.
    ///   - standardVariables: the variables of every rendering.
    /// - Throws: `ChatTemplateError` for a template that is malformed or uses an unsupported feature.
    public init(_ source: String, name: String, standardVariables: [String: TemplateValue] = [:]) throws {
        self.name = name
        self.standardVariables = standardVariables
        do {
            parsed = try TemplateParser.parse(source)
        } catch let fault as TemplateFault {
            throw fault.named(name)
        }
    }

    /// Renders a conversation.
    ///
    /// The template sees `messages`, `add_generation_prompt`, `tools` and `documents` (both none, unless given among
    /// `variables`), the standard variables, and `variables`, which win over the standard ones.
    ///
    /// - Parameters:
    ///   - messages: the conversation, oldest first.
    ///   - addGenerationPrompt: whether the text ends with the beginning of the assistant's message.
    ///   - variables: further variables by name. `messages` and `add_generation_prompt` are taken.
    ///   - now: the time that `strftime_now` returns.
    /// - Throws: `ChatTemplateError` if the template refuses the messages or fails on them.
    public func render(
        messages: [ChatMessage], addGenerationPrompt: Bool, variables: [String: TemplateValue] = [:],
        now: Date = Date()
    ) throws -> String {
        var all = variables
        all["messages"] = .list(messages.map { ["role": .string($0.role), "content": .string($0.content)] })
        all["add_generation_prompt"] = .boolean(addGenerationPrompt)
        return try render(variables: all, now: now)
    }

    /// Renders variables, the conversation among them.
    ///
    /// - Parameters:
    ///   - variables: `messages`, and others by name. `tools` and `documents` are none and `add_generation_prompt` is
    ///     false, unless given.
    ///   - now: the time that `strftime_now` returns.
    /// - Throws: `ChatTemplateError` if the template refuses the messages or fails on them.
    public func render(variables: [String: TemplateValue], now: Date = Date()) throws -> String {
        var all: [String: TemplateValue] = ["tools": .none, "documents": .none, "add_generation_prompt": false]
        all.merge(standardVariables) { $1 }
        all.merge(variables) { $1 }
        do {
            let budget = TemplateBudget()
            let values = try all.mapValues { try RenderValue($0, budget: budget, level: 0) }
            return try TemplateEvaluator(parsed, variables: values, now: now).render()
        } catch let fault as TemplateFault {
            throw fault.named(name)
        }
    }
}

extension RenderValue {
    fileprivate init(_ value: TemplateValue, budget: TemplateBudget, level: Int) throws {
        guard level <= TemplateLimits.valueDepth else {
            throw TemplateFault("a variable is nested more than \(TemplateLimits.valueDepth) levels deep")
        }
        switch value {
        case .none: self = .none
        case .boolean(let flag): self = .boolean(flag)
        case .integer(let number): self = .integer(number)
        case .number(let number): self = .float(number)
        case .string(let text): self = .string(text)
        case .list(let elements):
            let values = try elements.map { try RenderValue($0, budget: budget, level: level + 1) }
            self = .sequence(.list, try RenderItems(values, budget: budget))
        case .dictionary(let entries):
            let pairs = try entries.map { entry in
                (
                    key: RenderValue.string(entry.key),
                    value: try RenderValue(entry.value, budget: budget, level: level + 1)
                )
            }
            self = .dictionary(try RenderDictionary(pairs, budget: budget))
        }
    }
}
