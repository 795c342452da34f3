extension ChatTemplate {
    /// Reads the template of a checkpoint. Its special tokens become variables of the template.
    /// - Throws: `ChatTemplateError` if there is no template, or it cannot be read.
    public init(_ configuration: TokenizerConfiguration) throws {
        guard let template = configuration.template else {
            let names = configuration.otherTemplates.map { "'\($0)'" }.joined(separator: ", ")
            throw ChatTemplateError(
                template: configuration.name, line: nil,
                reason: (names.isEmpty
                    ? "the checkpoint has none" : "it has templates named \(names) but none named 'default'")
                    + "; use --raw to give the prompt as it is", isRaisedByTemplate: false)
        }
        try self.init(
            template.source, name: template.name,
            standardVariables: configuration.specialTokens.mapValues { .string($0) })
    }
}
