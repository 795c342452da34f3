/// An error for a chat template that could not be read or rendered.
public struct ChatTemplateError: Error, CustomStringConvertible, Sendable, Hashable {
    /// The template's name, as given to `ChatTemplate`: a file, usually.
    public let template: String
    /// The line of the template's source, from 1; nil if the error belongs to no line.
    public let line: Int?
    /// The problem; for an error raised by the template itself, the template's message.
    public let reason: String
    /// Whether the template itself refused the messages, by calling `raise_exception`.
    public let isRaisedByTemplate: Bool

    public var description: String {
        let place = line.map { "\(template), line \($0)" } ?? template
        return isRaisedByTemplate
            ? "The chat template (\(place)) refuses these messages: \(reason)"
            : "The chat template (\(place)) cannot be used: \(reason)."
    }
}

/// An error inside the engine, before it is known which template it belongs to. The line is added by the innermost
/// node that knows it.
struct TemplateFault: Error {
    var reason: String
    var line: Int?
    var isRaisedByTemplate = false

    init(_ reason: String, line: Int? = nil) {
        self.reason = reason
        self.line = line
    }

    func named(_ template: String) -> ChatTemplateError {
        ChatTemplateError(template: template, line: line, reason: reason, isRaisedByTemplate: isRaisedByTemplate)
    }
}
