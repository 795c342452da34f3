import ArgumentParser
import Checkpoints
import Foundation
import Safetensors

struct Template: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what a chat template makes of a conversation.",
        discussion: """
            MODEL is a plan, a checkpoint folder or a file that ends in .jinja. The variables of the template are a JSON \
            object with 'messages' and, if you like, 'tools', 'documents', 'add_generation_prompt' and others. An array \
            of such objects is rendered one by one, and printed as an array of objects with 'text' or 'error'.

              echo '{"messages": [{"role": "user", "content": "Hello"}]}' | echelon template huginn.plan
              echelon template chat_template.jinja --variables conversation.json
            """)

    @Argument(help: "A plan, a checkpoint folder or a .jinja file.")
    var model: String

    @Option(help: "A JSON file with the variables. If none is given, they are read from standard input.")
    var variables: String?

    @Flag(help: "Print the text as a JSON string.")
    var json = false

    func run() throws { try reportingFailures(render) }

    private struct Rendering: Encodable {
        var text: String?
        var error: String?
    }

    private func render() throws {
        let template = try openTemplate()
        let input = try variables.map(FilePath.contents) ?? Terminal.inputData()
        switch try TemplateValue(json: Array(input)) {
        case .list(let conversations):
            try Terminal.writeJSON(
                try conversations.map { conversation in
                    do {
                        return Rendering(text: try template.render(variables: entries(of: conversation)))
                    } catch let error as ChatTemplateError {
                        return Rendering(error: error.description)
                    }
                })
        case let conversation:
            let text = try template.render(variables: entries(of: conversation))
            if json { try Terminal.writeJSON(text) } else { try Terminal.write(text) }
        }
    }

    private func entries(of conversation: TemplateValue) throws -> [String: TemplateValue] {
        guard case .dictionary(let entries) = conversation else {
            throw CommandError("The variables of a template are a JSON object such as {\"messages\": […]}.")
        }
        return Dictionary(entries.map { ($0.key, $0.value) }) { $1 }
    }

    private func openTemplate() throws -> ChatTemplate {
        if model.hasSuffix(".jinja") {
            let source = try MappedFile(path: model).text()
            return try ChatTemplate(source, name: model)
        }
        let documents = try ModelSource(path: model).documents()
        return try ChatTemplate(TokenizerConfiguration(documents: documents, folder: model))
    }
}
