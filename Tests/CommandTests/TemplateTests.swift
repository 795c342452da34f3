import Foundation
import GoldenRuns
import Testing

@Suite struct TemplateTests {
    private let conversation =
        #"{"messages": [{"role": "user", "content": "How many?"}], "add_generation_prompt": true}"#

    @Test func `a checkpoint and its plan print the same prompt, which ends with the assistant's header`() throws {
        let texts = try [TestModels.wordmath, TestModels.wordmathPlan].map { model in
            try EchelonCommand.run(["template", model], input: Data(conversation.utf8)).succeeded().text
        }
        #expect(texts[0] == texts[1])
        #expect(texts[0].hasSuffix("<|begin_header|>Huginn<|end_header|>\n\n"))
    }

    @Test func `variables from a file reach a template, keys in order`() throws {
        let folder = try TemporaryFolder()
        let (template, variables) = (folder.file("t.jinja"), folder.file("v.json"))
        try Data("{{ tools | tojson }}{{ n + 1 }}{{ x }}".utf8).write(to: URL(filePath: template))
        try Data(#"{"tools": [{"z": 1, "a": null}], "n": 1, "x": 0.5}"#.utf8).write(to: URL(filePath: variables))
        let run = try EchelonCommand.run("template", template, "--variables", variables)
        #expect(try run.succeeded().text == #"[{"z": 1, "a": null}]20.5"#)
    }

    @Test func `an array is rendered one by one, errors among the texts`() throws {
        let folder = try TemporaryFolder()
        let template = folder.file("t.jinja")
        let source = "{{ messages[0].content if messages else raise_exception('no messages') }}"
        try Data(source.utf8).write(to: URL(filePath: template))
        let input = #"[{"messages": [{"content": "a"}]}, {"messages": []}]"#
        let renderings = try EchelonCommand.run(["template", template], input: Data(input.utf8))
            .json([[String: String]].self)
        #expect(renderings[0] == ["text": "a"])
        #expect(renderings[1]["error"]?.contains("no messages") == true)
    }

    @Test(arguments: ["[1]", "5", "{", ""])
    func `variables that are no object are refused in a sentence`(_ input: String) throws {
        let run = try EchelonCommand.run(["template", TestModels.wordmath], input: Data(input.utf8))
        run.expectRefusal("JSON")
    }
}
