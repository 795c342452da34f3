import Checkpoints
import Foundation
import RepositoryFiles
import Testing

/// Patterns of Oniguruma's dialect cut text as the reference library does, for which `Tools/fixtures/tokenizer-patterns`
/// recorded the pieces.
@Suite struct TokenizerPatternTests {
    struct Row: Decodable, Sendable, CustomTestStringConvertible {
        var pattern: String
        var text: String
        var pieces: [String]
        var testDescription: String { pattern }
    }

    static let rows: [Row] = {
        do {
            let url = Repository.root.appending(path: "Tests/CheckpointsTests/Fixtures/tokenizer_patterns.json")
            return try JSONDecoder().decode([Row].self, from: Data(contentsOf: url))
        } catch {
            Issue.record("the fixtures cannot be read: \(error)")
            return []
        }
    }()

    @Test func `the fixtures are there`() { #expect(Self.rows.count > 100) }

    @Test(arguments: rows) func `a pattern cuts as Oniguruma would`(row: Row) throws {
        func quoted(_ text: some Encodable) throws -> String {
            String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
        }
        // The tokens are the expected pieces and all characters, so another cut gives other tokens. Swift's sets would
        // take canonically equivalent texts for one.
        var names: [[UInt8]] = []
        for text in row.pieces + row.text.unicodeScalars.map(String.init) where !names.contains(Array(text.utf8)) {
            names.append(Array(text.utf8))
        }
        let tokens = try names.enumerated().map { "\(try quoted(String(decoding: $1, as: UTF8.self))): \($0)" }
        var file = SmallTokenizerFile()
        file.vocabulary = "{\(tokens.joined(separator: ", "))}"
        file.merges = "[]"
        file.modelSettings = #""ignore_merges": true,"#
        file.preTokenizer =
            #"{"type": "Split", "pattern": {"Regex": \#(try quoted(row.pattern))}, "behavior": "Isolated", "invert": false}"#
        let expected = row.pieces.compactMap { names.firstIndex(of: Array($0.utf8)).map(Int32.init) }
        #expect(try file.tokenizer().encode(row.text, addSpecialTokens: false) == expected, "\(row.pieces)")
    }
}
