import Checkpoints
import Foundation
import RepositoryFiles
import Testing

/// The special tokens and the template of a checkpoint's documents are those that transformers finds
/// (`Tools/fixtures/special-tokens`).
@Suite struct TokenizerConfigurationTests {
    struct Case: Decodable, CustomTestStringConvertible {
        var name: String
        /// The number of added tokens that the tokenizer lacks, the last ones.
        var dropped: Int
        var documents: [String: String]
        var text: String
        var ids: [Int32]
        /// The special tokens with an id of at least 625.
        var skipped: [Int32]
        var rendered: String?

        var testDescription: String { name }
    }

    static let cases: [Case] = {
        let file = Repository.root.appending(path: "Tests/CheckpointsTests/Fixtures/special_tokens.json")
        return (try? JSONDecoder().decode([Case].self, from: Data(contentsOf: file))) ?? []
    }()

    @Test func `there are cases`() { #expect(Self.cases.count > 20) }

    /// The tokenizer of the embedded checkpoint without its last added tokens.
    private func tokenizer(dropping dropped: Int, _ declared: [DeclaredToken] = []) throws -> Tokenizer {
        let file = try Data(contentsOf: Repository.wordmath.appending(path: "tokenizer.json"))
        var object = try #require(JSONSerialization.jsonObject(with: file) as? [String: Any])
        let added = try #require(object["added_tokens"] as? [Any])
        object["added_tokens"] = Array(added.dropLast(dropped))
        return try Tokenizer(json: JSONSerialization.data(withJSONObject: object), declaring: declared)
    }

    @Test(arguments: cases) func `tokens, flags and template are those of the reference`(_ example: Case) throws {
        let configuration = try TokenizerConfiguration(documents: example.documents, folder: "m")
        let tokenizer = try tokenizer(dropping: example.dropped, configuration.declaredTokens)
        #expect(try tokenizer.encode(example.text, addSpecialTokens: false) == example.ids)
        let last = max(635, example.skipped.max() ?? 0)
        let skipped = try (625...last).filter { try tokenizer.decode([$0], skipSpecialTokens: true).isEmpty }
        #expect(skipped == example.skipped)
        let template = configuration.template == nil ? nil : try ChatTemplate(configuration)
        let messages = [ChatMessage(role: "user", content: "Hi")]
        #expect(try template?.render(messages: messages, addGenerationPrompt: true) == example.rendered)
    }

    @Test(arguments: [
        ("tokenizer_config.json", #"{"added_tokens_decoder": {"640": {"content": "<|n|>"}}}"#),
        ("added_tokens.json", #"{"<|n|>": 640}"#),
    ])
    func `an id that leaves a gap is refused by name`(_ document: String, _ text: String) throws {
        // The reference gives such a token the next free id in silence, whatever the model was trained with.
        let configuration = try TokenizerConfiguration(documents: [document: text], folder: "m")
        #expect { try tokenizer(dropping: 0, configuration.declaredTokens) } throws: { error in
            ["m/\(document)", "<|n|>", "640", "636"].allSatisfy("\(error)".contains)
        }
    }

    @Test(arguments: [
        ("tokenizer_config.json", "{", "not valid JSON"), ("tokenizer_config.json", "[]", "not a JSON object"),
        ("tokenizer_config.json", String(repeating: "[", count: 100_000), "not valid JSON"),
        ("tokenizer_config.json", #"{"chat_template": 5}"#, "chat_template"),
        ("tokenizer_config.json", #"{"chat_template": [{"name": "default"}]}"#, "template"),
        ("tokenizer_config.json", #"{"bos_token": 7}"#, "bos_token"),
        ("tokenizer_config.json", #"{"extra_special_tokens": {"image_token": 7}}"#, "extra_special_tokens"),
        ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "a"}}}"#, "added_tokens_decoder"),
        ("tokenizer_config.json", #"{"added_tokens_decoder": {"7": 8}}"#, "added_tokens_decoder"),
        ("added_tokens.json", #"{"a": "b"}"#, "\"a\""), ("special_tokens_map.json", "", "not valid JSON"),
        ("special_tokens_map.json", #"{"pad_token": []}"#, "pad_token"),
        ("chat_template.json", #"{"chat_template": 1}"#, "chat_template"),
    ])
    func `a damaged document is refused with its name and key`(_ document: String, _ text: String, _ part: String) {
        #expect { try TokenizerConfiguration(documents: [document: text], folder: "m") } throws: { error in
            "\(error)".hasPrefix("m/\(document): ") && "\(error)".contains(part)
        }
    }

    @Test func `numbers that JSON lacks are read`() throws {
        let text = #"{"model_max_length": Infinity, "x": [NaN, -Infinity], "chat_template": "hello"}"#
        let configuration = try TokenizerConfiguration(documents: ["tokenizer_config.json": text], folder: "m")
        #expect(configuration.template?.source == "hello")
    }

    @Test func `the template of a processor counts if there is no other`() throws {
        var documents = ["chat_template.json": #"{"chat_template": "processor"}"#]
        #expect(try TokenizerConfiguration(documents: documents, folder: "m").template?.name == "m/chat_template.json")
        documents["tokenizer_config.json"] = #"{"chat_template": "key"}"#
        #expect(try TokenizerConfiguration(documents: documents, folder: "m").template?.source == "key")
    }

    @Test(arguments: [
        ("{}", "--raw"), (#"{"chat_template": null}"#, "--raw"),
        (#"{"chat_template": [{"name": "rag", "template": ""}]}"#, "'rag'"),
    ])
    func `a checkpoint without a default template is refused`(_ text: String, _ part: String) throws {
        let configuration = try TokenizerConfiguration(documents: ["tokenizer_config.json": text], folder: "m")
        #expect { try ChatTemplate(configuration) } throws: { error in
            "\(error)".contains(part) && "\(error)".contains("m/tokenizer_config.json")
        }
    }
}

extension ChatTemplate {
    /// The template of a folder with a `tokenizer_config.json`, and a `chat_template.jinja` if one is given.
    init(tokenizerConfiguration: String, jinjaFile: String? = nil, folder: String) throws {
        var documents = ["tokenizer_config.json": tokenizerConfiguration]
        documents["chat_template.jinja"] = jinjaFile
        try self.init(TokenizerConfiguration(documents: documents, folder: folder))
    }
}
