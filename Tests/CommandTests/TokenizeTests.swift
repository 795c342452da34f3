import Foundation
import GoldenRuns
import Testing

@Suite struct TokenizeTests {
    private let text = "Tess has 23 nuts.\n\n  Zoë (naïve) 東京 🙂\tx\r\n2 * 23 = 46"

    @Test func `text survives the way to ids and back, through pipes`() throws {
        let ids = try EchelonCommand.run(["tokenize", TestModels.wordmath], input: Data(text.utf8)).succeeded()
        #expect(ids.text.split(separator: " ").allSatisfy { Int($0.trimmingCharacters(in: .newlines)) != nil })
        let back = try EchelonCommand.run(["tokenize", TestModels.wordmath, "--decode"], input: ids.output)
        #expect(try back.succeeded().text == text)
    }

    @Test func `a plan, a checkpoint and a tokenizer file agree`() throws {
        let expected = try EchelonCommand.run("tokenize", TestModels.wordmath, text, "--json").json([Int32].self)
        #expect(expected.count > 10)
        for model in [try TestModels.wordmathPlan, TestModels.wordmath + "/tokenizer.json"] {
            #expect(try EchelonCommand.run("tokenize", model, text, "--json").json([Int32].self) == expected)
        }
    }

    @Test func `json is one array of ids, or with --decode one string`() throws {
        let ids = try EchelonCommand.run("tokenize", TestModels.wordmath, text, "--json").succeeded()
        #expect(ids.text.hasPrefix("[") && ids.text.hasSuffix("]\n"))
        let decoded = try EchelonCommand.run("tokenize", TestModels.wordmath, "--decode", "--json", ids.text)
        #expect(try decoded.json(String.self) == text)
    }

    @Test func `with --json-lines each line is a text of its own`() throws {
        let lines = [text, "a\nb", ""].map {
            String(decoding: (try? JSONEncoder().encode($0)) ?? Data(), as: UTF8.self)
        }
        let input = Data(lines.joined(separator: "\n").utf8)
        let ids = try EchelonCommand.run(["tokenize", TestModels.wordmath, "--json-lines"], input: input).succeeded()
        let alone = try EchelonCommand.run("tokenize", TestModels.wordmath, text, "--json").succeeded()
        #expect(ids.text.split(separator: "\n").count == 3)
        #expect(ids.text.hasPrefix(alone.text))
        let back = try EchelonCommand.run(
            ["tokenize", TestModels.wordmath, "--json-lines", "--decode"], input: ids.output
        ).succeeded()
        let texts = try back.text.split(separator: "\n").map {
            try JSONDecoder().decode(String.self, from: Data($0.utf8))
        }
        #expect(texts == [text, "a\nb", ""])
        try EchelonCommand.run(["tokenize", TestModels.wordmath, "--json-lines"], input: Data("[1]".utf8))
            .expectRefusal("a string in JSON")
    }

    @Test func `the recorded prompt is the template's text, special tokens named`() throws {
        let row = try GoldenWordProblems().rows[0]
        let decoded = try EchelonCommand.run("tokenize", TestModels.wordmath, "--decode", list(row.prompt_tokens))
        #expect(try decoded.succeeded().text.contains(row.question))
        let ids = try EchelonCommand.run(
            ["tokenize", TestModels.wordmath, "--json", "--no-special-tokens"],
            input: Data(decoded.text.dropLast().utf8)
        ).json([Int32].self)
        #expect(ids == row.prompt_tokens)
    }

    @Test func `bad input is refused in a sentence`() throws {
        let model = TestModels.wordmath
        try EchelonCommand.run("tokenize", model, "--decode", "seven").expectRefusal("whole numbers")
        try EchelonCommand.run("tokenize", model, "--decode", "999999").expectRefusal("999999")
        try EchelonCommand.run("tokenize", model, "--decode", "1,-1").expectRefusal("-1")
        try EchelonCommand.run(["tokenize", model], input: Data([0xFF, 0xFE])).expectRefusal("UTF-8")
        try EchelonCommand.run("tokenize", TestModels.odd, "x").expectRefusal("no tokenizer.json")
        try EchelonCommand.run("tokenize", "missing-folder", "x").expectRefusal("missing-folder")
        try EchelonCommand.run("tokenize", "missing.json", "x").expectRefusal("missing.json")
        try EchelonCommand.run("tokenize", TestModels.wordmath + "/config.json", "x").expectRefusal("config.json")
    }
}
