import Checkpoints
import Foundation
import RepositoryFiles
import Testing

@Suite struct ChatTemplateTests {
    static func wordmathConfiguration() throws -> String {
        let file = Repository.wordmath.appending(path: "tokenizer_config.json")
        return try String(contentsOf: file, encoding: .utf8)
    }

    @Test func wordmathCheckpointWrapsAQuestion() throws {
        let template = try ChatTemplate(tokenizerConfiguration: Self.wordmathConfiguration(), folder: "wordmath")
        let text = try template.render(
            messages: [ChatMessage(role: "user", content: " How many?\n")], addGenerationPrompt: true)
        #expect(
            text == "<|begin_text|><|begin_header|>user<|end_header|>\n\nHow many?<|end_turn|>"
                + "<|begin_header|>Huginn<|end_header|>\n\n")
    }

    @Test func wordmathCheckpointNamesTheAssistantHuginn() throws {
        let template = try ChatTemplate(tokenizerConfiguration: Self.wordmathConfiguration(), folder: "wordmath")
        let text = try template.render(
            messages: [ChatMessage(role: "assistant", content: "Two.")], addGenerationPrompt: false)
        #expect(text == "<|begin_text|><|begin_header|>Huginn<|end_header|>\n\nTwo.<|end_turn|>")
    }

    // MARK: tokenizer_config.json

    @Test func specialTokensBecomeVariables() throws {
        let configuration = """
            {"chat_template": "{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ unk_token is defined }}",
             "bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false, "special": true}, "pad_token": null,
             "added_tokens_decoder": {"0": {"content": "x"}}, "model_max_length": 1e30}
            """
        let template = try ChatTemplate(tokenizerConfiguration: configuration, folder: "m")
        #expect(try template.render(messages: [], addGenerationPrompt: false) == "<s></s>False")
        let changed = try template.render(messages: [], addGenerationPrompt: false, variables: ["bos_token": "B"])
        #expect(changed == "B</s>False")
    }

    @Test func defaultIsTakenAmongNamedTemplates() throws {
        let configuration = """
            {"chat_template": [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]}
            """
        let template = try ChatTemplate(tokenizerConfiguration: configuration, folder: "m")
        #expect(try template.render(messages: [], addGenerationPrompt: false) == "plain")
    }

    @Test func jinjaFileWinsOverTheConfiguration() throws {
        let template = try ChatTemplate(
            tokenizerConfiguration: #"{"chat_template": "old", "bos_token": "<s>"}"#,
            jinjaFile: "new {{ bos_token }}\n",
            folder: "m")
        #expect(try template.render(messages: [], addGenerationPrompt: false) == "new <s>")
        #expect(template.name == "m/chat_template.jinja")
    }

    // MARK: Variables

    @Test func toolsAndDocumentsAreNoneUnlessGiven() throws {
        let template = try ChatTemplate("{{ tools }}{{ documents is none }}{{ nothing is defined }}", name: "t")
        #expect(try template.render(messages: [], addGenerationPrompt: false) == "NoneTrueFalse")
        let given = try template.render(messages: [], addGenerationPrompt: false, variables: ["tools": [1, 2.5, nil]])
        #expect(given == "[1, 2.5, None]TrueFalse")
    }

    @Test func dictionariesKeepTheirOrder() throws {
        let template = try ChatTemplate("{{ d | tojson }}{{ d.a }}", name: "t")
        let text = try template.render(
            messages: [], addGenerationPrompt: false, variables: ["d": ["z": 1, "a": true, "m": ["y": "x"]]])
        #expect(text == #"{"z": 1, "a": true, "m": {"y": "x"}}True"#)
    }

    @Test func theDateIsThatOfTheCaller() throws {
        let template = try ChatTemplate("{{ strftime_now('%Y') }}", name: "t")
        let middleOf2001 = Date(timeIntervalSince1970: 993_988_800)
        let text = try template.render(messages: [], addGenerationPrompt: false, variables: [:], now: middleOf2001)
        #expect(text == "2001")
    }

    @Test func theGenerationBlockOnlyWritesItsBody() throws {
        let template = try ChatTemplate("a{% generation %}\nb{% endgeneration %}\nc", name: "t")
        #expect(try template.render(messages: [], addGenerationPrompt: false) == "abc")
    }

    @Test func oneTemplateRendersInManyTasksAtOnce() async throws {
        let template = try ChatTemplate(tokenizerConfiguration: Self.wordmathConfiguration(), folder: "wordmath")
        let texts = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    try template.render(messages: [ChatMessage(role: "user", content: "x")], addGenerationPrompt: true)
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(texts.count == 1)
    }
}
