import Checkpoints
import Foundation
import RepositoryFiles
import Testing

/// A comparison with the reference library's results for the same texts, which `Tools/fixtures/tokenizers` and
/// `Tools/fixtures/tokenizer-components` recorded.
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
        var sequences: [Sequence]?
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

    /// Tokens that no text gives.
    struct Sequence: Decodable, Sendable {
        var ids: [Int32]
        var decoded: String
        var decodedWithoutSpecial: String?
    }

    /// A tokenizer with the texts of its file.
    struct Subject: Sendable, CustomTestStringConvertible {
        var texts: [String]
        var entry: Entry
        var testDescription: String { entry.name }
    }

    static let subjects = ["tokenizers", "tokenizer_components"].flatMap { name in
        let fixtures = read(name)
        return fixtures.tokenizers.map { Subject(texts: fixtures.texts, entry: $0) }
    }

    private static func read(_ name: String) -> Fixtures {
        do {
            let url = Repository.root.appending(path: "Tests/CheckpointsTests/Fixtures/\(name).json")
            return try JSONDecoder().decode(Fixtures.self, from: Data(contentsOf: url))
        } catch {
            Issue.record("the fixtures cannot be read: \(error)")
            return Fixtures(texts: [], tokenizers: [])
        }
    }

    @Test func fixturesAreThere() {
        #expect(Self.subjects.count > 90)
        #expect(Self.subjects.allSatisfy { $0.texts.count > 10 && !$0.entry.cases.isEmpty })
    }

    @Test(arguments: subjects)
    func encodesAsTheReference(subject: Subject) throws {
        let tokenizer = try subject.entry.tokenizer()
        for expected in subject.entry.cases {
            let text = subject.texts[expected.text]
            #expect(
                try tokenizer.encode(text, addSpecialTokens: false) == expected.ids, "\(text.debugDescription)")
            #expect(
                try tokenizer.encode(text, addSpecialTokens: true) == expected.idsWithSpecial ?? expected.ids,
                "\(text.debugDescription)")
        }
    }

    @Test(arguments: subjects)
    func decodesAsTheReferenceAtOnceAndInAStream(subject: Subject) throws {
        let tokenizer = try subject.entry.tokenizer()
        let cases = subject.entry.cases.map { expected in
            Sequence(
                ids: expected.idsWithSpecial ?? expected.ids, decoded: expected.decoded,
                decodedWithoutSpecial: expected.decodedWithoutSpecial)
        }
        for expected in cases + (subject.entry.sequences ?? []) {
            let ids = expected.ids
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
