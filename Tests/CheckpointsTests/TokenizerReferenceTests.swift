import Checkpoints
import Foundation
import RepositoryFiles
import Testing

/// A comparison with the reference library's results for the same texts, which `Tools/fixtures/tokenizers` recorded.
@Suite struct TokenizerReferenceTests {
    struct Fixtures: Decodable {
        var texts: [String]
        var tokenizers: [Entry]
    }

    struct Entry: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var json: String?
        var path: String?
        var cases: [Case]
        var testDescription: String { name }

        func tokenizer() throws -> Tokenizer {
            if let json { return try Tokenizer(json: json.utf8, file: name) }
            return try Tokenizer(contentsOf: Repository.root.appending(path: path ?? ""))
        }
    }

    struct Case: Decodable, Sendable {
        var text: Int
        var ids: [Int32]
        var idsWithSpecial: [Int32]?
        var decoded: String
        var decodedWithoutSpecial: String?
    }

    static let fixtures: Fixtures = {
        do {
            let url = Repository.root.appending(path: "Tests/CheckpointsTests/Fixtures/tokenizers.json")
            return try JSONDecoder().decode(Fixtures.self, from: Data(contentsOf: url))
        } catch {
            Issue.record("the fixtures cannot be read: \(error)")
            return Fixtures(texts: [], tokenizers: [])
        }
    }()

    @Test func fixturesAreThere() {
        #expect(Self.fixtures.tokenizers.count > 30)
        #expect(Self.fixtures.texts.count > 30)
    }

    @Test(arguments: fixtures.tokenizers)
    func encodesAsTheReference(entry: Entry) throws {
        let tokenizer = try entry.tokenizer()
        for expected in entry.cases {
            let text = Self.fixtures.texts[expected.text]
            #expect(
                try tokenizer.encode(text, addSpecialTokens: false) == expected.ids, "\(text.debugDescription)")
            #expect(
                try tokenizer.encode(text, addSpecialTokens: true) == expected.idsWithSpecial ?? expected.ids,
                "\(text.debugDescription)")
        }
    }

    @Test(arguments: fixtures.tokenizers)
    func decodesAsTheReferenceAtOnceAndInAStream(entry: Entry) throws {
        let tokenizer = try entry.tokenizer()
        for expected in entry.cases {
            let ids = expected.idsWithSpecial ?? expected.ids
            for skip in [false, true] {
                let text = skip ? expected.decodedWithoutSpecial ?? expected.decoded : expected.decoded
                // The texts are compared as bytes, because canonically equivalent strings count as equal.
                let decoded = try tokenizer.decode(ids, skipSpecialTokens: skip)
                #expect(Array(decoded.utf8) == Array(text.utf8), "\(text.debugDescription)")

                var stream = tokenizer.makeStreamDecoder(skipSpecialTokens: skip)
                var streamed: [UInt8] = []
                for id in ids { streamed += stream.append(id).utf8 }
                streamed += stream.finish().utf8
                #expect(streamed == Array(text.utf8), "\(text.debugDescription)")
            }
        }
    }
}
