import Checkpoints
import Foundation
import RepositoryFiles
import Testing

/// Templates rendered by Jinja2 with the settings of transformers; see Tools/fixtures/chat-templates and
/// Tools/fixtures/chat-template-features.
@Suite struct ChatTemplateFixtureTests {
    struct Case: Decodable {
        let name: String
        let template: String
        let messages: [Message]
        let addGenerationPrompt: Bool
        let variables: [String: Variable]
        let text: String?
        let fails: Bool?

        enum CodingKeys: String, CodingKey {
            case name, template, messages, variables, text, fails
            case addGenerationPrompt = "add_generation_prompt"
        }

        struct Message: Decodable {
            let role: String
            let content: String
        }
    }

    /// A variable in JSON. Dictionaries are `{"entries": [{"key": …, "value": …}]}`, which keeps their order.
    struct Variable: Decodable {
        let value: TemplateValue

        private struct Entries: Decodable {
            let entries: [Entry]
            struct Entry: Decodable {
                let key: String
                let value: Variable
            }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                value = .none
            } else if let flag = try? container.decode(Bool.self) {
                value = .boolean(flag)
            } else if let number = try? container.decode(Int.self) {
                value = .integer(number)
            } else if let number = try? container.decode(Double.self) {
                value = .number(number)
            } else if let text = try? container.decode(String.self) {
                value = .string(text)
            } else if let elements = try? container.decode([Variable].self) {
                value = .list(elements.map(\.value))
            } else {
                let entries = try container.decode(Entries.self).entries
                value = .dictionary(entries.map { .init($0.key, $0.value.value) })
            }
        }
    }

    static func cases() throws -> [Case] {
        try ["chat_templates.json", "chat_template_features.json"].flatMap { name in
            let file = Repository.root.appending(path: "Tests/CheckpointsTests/Fixtures/\(name)")
            return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
        }
    }

    static func render(_ item: Case) throws -> String {
        // The fixtures' strftime_now returns 2024-07-26 09:05:03.25, local time.
        let parts = DateComponents(
            year: 2024, month: 7, day: 26, hour: 9, minute: 5, second: 3, nanosecond: 250_000_000)
        return try ChatTemplate(item.template, name: item.name).render(
            messages: item.messages.map { ChatMessage(role: $0.role, content: $0.content) },
            addGenerationPrompt: item.addGenerationPrompt, variables: item.variables.mapValues(\.value),
            now: Calendar(identifier: .gregorian).date(from: parts) ?? Date())
    }

    @Test func rendersWhatJinja2Renders() throws {
        let cases = try Self.cases()
        #expect(cases.count > 1190)
        for item in cases {
            guard let text = item.text else { continue }
            do {
                let rendered = try Self.render(item)
                // The texts are compared as bytes, because `==` treats canonically equivalent texts as equal.
                #expect(
                    Array(rendered.utf8) == Array(text.utf8),
                    "\(item.name): \(rendered.debugDescription), not \(text.debugDescription)")
            } catch {
                Issue.record("\(item.name): \(error)")
            }
        }
    }

    @Test func failsWhereJinja2Fails() throws {
        let failing = try Self.cases().filter { $0.fails == true }
        #expect(failing.count >= 145)
        for item in failing {
            #expect(throws: ChatTemplateError.self, "\(item.name)") { try Self.render(item) }
        }
    }
}
