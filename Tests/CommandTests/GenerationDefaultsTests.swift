import Foundation
import Reports
import Samplers
import Testing

/// A checkpoint's defaults for generation are obeyed, or refused by name.
@Suite struct GenerationDefaultsTests {
    private static let prompt = "What does this program print?\nm = 14\na = 57\nd = 59\nprint(m + a)"

    /// The trained checkpoint with other documents; nil removes one.
    private func checkpoint(in folder: TemporaryFolder, _ documents: [String: [String: Any]?]) throws -> String {
        let path = folder.file("checkpoint")
        try FileManager.default.copyItem(atPath: TestModels.wordmath, toPath: path)
        for (name, changes) in documents {
            let file = URL(filePath: path).appending(path: name)
            guard let changes else {
                try FileManager.default.removeItem(at: file)
                continue
            }
            var object = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
            object.merge(changes) { $1 }
            try FileManager.default.removeItem(at: file)
            try JSONSerialization.data(withJSONObject: object).write(to: file)
        }
        return path
    }

    private func run(_ documents: [String: [String: Any]?], _ options: String...) throws -> CommandRun {
        let folder = try TemporaryFolder()
        return try EchelonCommand.run(
            [
                "generate", checkpoint(in: folder, documents), Self.prompt, "--json", "--threads", "1", "--recurrence",
                "16",
            ]
                + ["--init-scale", "0"] + options)
    }

    private func generation(_ changes: [String: Any], _ options: String...) throws -> GenerationReport {
        let folder = try TemporaryFolder()
        let path = try checkpoint(in: folder, ["generation_config.json": changes])
        return try generate([path, Self.prompt, "--recurrence", "16", "--init-scale", "0"] + options)
    }

    @Test func `without generation_config.json the stop tokens are those of config.json`() throws {
        let documents =
            ["generation_config.json": nil, "config.json": ["eos_token_id": [631, 634]]] as [String: [String: Any]?]
        let report = try run(documents, "--sampler", "autoregressive").json(GenerationReport.self)
        #expect(report.tokens.last == 634 && report.stopReason == .stop && report.text.hasSuffix("#### 73"))
    }

    @Test(arguments: ["diffusion", "autoregressive", "lossless"])
    func `a stop string ends the text with the token that completes it`(_ sampler: String) throws {
        let report = try generation(
            ["stop_strings": ["####", "never"]], "--sampler", sampler, "--inner-recurrence", "4")
        #expect(report.text.hasSuffix("\n####") && report.stopReason == .stop)
        let whole = try generation(
            ["stop_strings": "####"], "--sampler", sampler, "--inner-recurrence", "4", "--ignore-generation-config")
        #expect(whole.text.hasPrefix(report.text) && whole.text.hasSuffix("#### 73"))
        #expect(whole.tokens.starts(with: report.tokens) && whole.tokens.count > report.tokens.count)
    }

    @Test func `max_length counts the prompt, and an option wins over it`() throws {
        let changes = ["max_length": 60]
        let report = try generation(changes, "--sampler", "autoregressive")
        #expect(report.promptTokens.count + report.tokens.count == 60 && report.stopReason == .length)
        let asked = try generation(changes, "--sampler", "autoregressive", "--max-new-tokens", "3")
        #expect(asked.tokens.count == 3)
        let short = try run(["generation_config.json": ["max_length": 10]])
        short.expectRefusal("max_length", "--max-new-tokens")
    }

    @Test func `forbidden tokens are the same for all samplers that promise the same text`() throws {
        let changes = ["suppress_tokens": [76, 220], "no_repeat_ngram_size": 3] as [String: Any]
        let reference = try generation(
            changes, "--sampler", "autoregressive", "--kv-budget", "16", "--max-new-tokens", "24")
        #expect(!reference.tokens.contains(76) && !reference.tokens.contains(220))
        for sampler in ["lossless", "speculative"] {
            let report = try generation(
                changes, "--sampler", sampler, "--max-new-tokens", "24",
                sampler == "lossless" ? "--inner-recurrence" : "--draft-recurrence", "4")
            #expect(report.tokens == reference.tokens, "\(sampler)")
        }
    }

    @Test func `a key that is not applied is refused by name, and can be ignored`() throws {
        let beams: [String: [String: Any]?] = ["generation_config.json": ["num_beams": 4]]
        try run(beams).expectRefusal("generation_config.json", "\"num_beams\" is 4", "--ignore-generation-config")
        let ignoring = try run(beams, "--ignore-generation-config", "--max-new-tokens", "60").json(
            GenerationReport.self)
        #expect(ignoring.stopReason == .stop, "stop tokens still count")
        // A filter of probabilities matters only if tokens are sampled.
        let typical: [String: [String: Any]?] = ["generation_config.json": ["typical_p": 0.5]]
        _ = try run(typical, "--max-new-tokens", "1").succeeded()
        try run(typical, "--max-new-tokens", "1", "--temperature", "1").expectRefusal("typical_p")
    }
}
