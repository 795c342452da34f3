import Checkpoints
import Foundation
import RepositoryFiles
import Testing

/// A tokenizer file with a model of few tokens. Each test changes the part that it tests.
struct SmallTokenizerFile {
    var vocabulary = #"{"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4, "Ġ": 5}"#
    var merges = #"["a b", "ab c"]"#
    var modelSettings = ""
    var added = "[]"
    var normalizer = "null"
    var preTokenizer = #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}"#
    var postProcessor = "null"
    var decoder = #"{"type": "ByteLevel"}"#
    var extra = ""

    var json: String {
        """
        {"version": "1.0", "added_tokens": \(added), "normalizer": \(normalizer), "pre_tokenizer": \(preTokenizer),
         "post_processor": \(postProcessor), "decoder": \(decoder), \(extra)
         "model": {"type": "BPE", \(modelSettings) "vocab": \(vocabulary), "merges": \(merges)}}
        """
    }

    func tokenizer() throws -> Tokenizer { try Tokenizer(json: json.utf8, file: "small.json") }
}

@Suite struct TokenizerTests {
    private static func wordmath() throws -> Tokenizer {
        let path = "Tools/wordmath/checkpoint/tokenizer.json"
        return try Tokenizer(contentsOf: Repository.root.appending(path: path))
    }

    @Test func theGoldenPromptsComeOutOfTheirQuestions() throws {
        struct Golden: Decodable {
            struct Row: Decodable {
                var question: String
                var prompt_tokens: [Int32]
            }
            var rows: [Row]
        }
        let url = Repository.root.appending(path: "Tests/Golden/wordmath.json")
        let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
        let tokenizer = try Self.wordmath()
        #expect(golden.rows.count == 10)
        for row in golden.rows {
            let prompt =
                "<|begin_text|><|begin_header|>user<|end_header|>\n\n\(row.question)<|end_turn|>"
                + "<|begin_header|>Huginn<|end_header|>\n\n"
            #expect(try tokenizer.encode(prompt, addSpecialTokens: false) == row.prompt_tokens)
        }
    }

    @Test func tokensAreFoundByIdAndByContent() throws {
        let tokenizer = try Self.wordmath()
        #expect(tokenizer.vocabularySize == 636)
        #expect(tokenizer.token(634) == "<|end_turn|>")
        #expect(tokenizer.id(of: "<|end_turn|>") == 634)
        #expect(tokenizer.isSpecial(634))
        #expect(!tokenizer.isSpecial(0))
        #expect(tokenizer.token(636) == nil)
        #expect(tokenizer.token(-1) == nil)
        #expect(tokenizer.id(of: "no such token") == nil)
    }

    @Test func canonicallyEquivalentTokensStayApart() throws {
        var file = SmallTokenizerFile()
        file.vocabulary = #"{"e": 0, "\u0301": 1, "\u00e9": 2, "e\u0301": 3}"#
        file.merges = "[]"
        file.preTokenizer = "null"
        file.decoder = "null"
        let tokenizer = try file.tokenizer()
        #expect(try tokenizer.encode("\u{E9}", addSpecialTokens: false) == [2])
        #expect(try tokenizer.encode("e\u{301}", addSpecialTokens: false) == [0, 1])
        #expect(tokenizer.id(of: "\u{E9}") == 2)
        #expect(tokenizer.id(of: "e\u{301}") == 3)
        #expect(Array(try tokenizer.decode([3], skipSpecialTokens: false).unicodeScalars) == ["e", "\u{301}"])
    }

    @Test func mergesAreReadAsStringsAndAsPairs() throws {
        var file = SmallTokenizerFile()
        #expect(try file.tokenizer().encode("abcab", addSpecialTokens: false) == [4, 3])
        file.merges = ##"["#version: 0.2", ["a", "b"], ["ab", "c"]]"##
        #expect(try file.tokenizer().encode("abcab", addSpecialTokens: false) == [4, 3])
    }

    @Test func escapesOfTheFileAreRead() throws {
        var file = SmallTokenizerFile()
        file.vocabulary = #"{"\u0061": 0, "\ud83d\ude00": 1, "\"\\\/\b\f\n\r\t": 2, "😀😀": 3}"#
        file.merges = "[]"
        file.preTokenizer = "null"
        let tokenizer = try file.tokenizer()
        #expect(tokenizer.token(0) == "a")
        #expect(tokenizer.token(1) == "😀")
        #expect(tokenizer.token(2) == "\"\\/\u{8}\u{C}\n\r\t")
        #expect(tokenizer.token(3) == "😀😀")
    }

    @Test func idsMayHaveGaps() throws {
        var file = SmallTokenizerFile()
        file.added = #"[{"id": 9, "content": "<end>", "special": true}]"#
        let tokenizer = try file.tokenizer()
        #expect(tokenizer.vocabularySize == 10)
        #expect(try tokenizer.encode("ab<end>a", addSpecialTokens: false) == [3, 9, 0])
        #expect(throws: TokenizerError.self) { try tokenizer.decode([7], skipSpecialTokens: false) }
    }

    @Test func truncationAndPaddingAreNotApplied() throws {
        var file = SmallTokenizerFile()
        file.extra = #""truncation": {"max_length": 1}, "padding": {"strategy": {"Fixed": 9}, "pad_id": 5},"#
        #expect(try file.tokenizer().encode("abcab", addSpecialTokens: true) == [4, 3])
    }

    @Test func decodingRefusesIdsThatNoTokenHas() throws {
        let tokenizer = try Self.wordmath()
        for id: Int32 in [-1, 636, .max, .min] {
            let error = #expect(throws: TokenizerError.self) {
                try tokenizer.decode([0, id], skipSpecialTokens: false)
            }
            #expect(error?.description.contains("\(id)") == true)
        }
    }

    @Test func aStreamLeavesOutIdsThatNoTokenHasAsModelsWithPaddedVocabulariesChooseThem() throws {
        let tokenizer = try Self.wordmath()
        let ids = try tokenizer.encode("a😀", addSpecialTokens: false)
        var stream = tokenizer.makeStreamDecoder(skipSpecialTokens: true)
        // The unknown ids also come between the bytes of a character.
        let text = ids.flatMap { [767, $0, -1, .max, .min] }.map { stream.append($0) }.joined()
        #expect(text == "a😀")
        #expect(stream.finish() == "")
    }

    @Test func aStreamHoldsBackWhatIsNotYetACharacter() throws {
        let tokenizer = try Self.wordmath()
        let ids = try tokenizer.encode("😀é", addSpecialTokens: false)
        #expect(ids.count == 6)
        var stream = tokenizer.makeStreamDecoder(skipSpecialTokens: false)
        #expect(ids.map { stream.append($0) } == ["", "", "", "😀", "", "é"])
        #expect(stream.finish() == "")
        #expect(stream.append(ids[0]) == "")
        #expect(stream.finish() == "\u{FFFD}")
    }

    @Test func aStreamOfArbitraryBytesJoinsToWhatDecodeMakes() throws {
        let tokenizer = try Self.wordmath()
        // Tokens of one byte each break UTF-8 in every way. Knuth's MMIX generator chooses them.
        let bytes: [Int32] = (0..<256).compactMap { tokenizer.id(of: String(UnicodeScalar(UInt8($0)))) }
        let hard: [Int32] = ["à", "í", "ð", "ô", "Ł", "ł", "Ģ", "ŀ"].compactMap { tokenizer.id(of: $0) }
        #expect(hard.count == 8)
        var state: UInt64 = 7
        for _ in 0..<300 {
            let ids = (0..<20).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let choice = Int(state >> 33)
                return choice % 3 == 0 ? bytes[choice / 3 % bytes.count] : hard[choice / 3 % hard.count]
            }
            var stream = tokenizer.makeStreamDecoder(skipSpecialTokens: false)
            let streamed = ids.map { stream.append($0) }.joined() + stream.finish()
            let whole = try tokenizer.decode(ids, skipSpecialTokens: false)
            #expect(Array(streamed.utf8) == Array(whole.utf8), "\(ids)")
        }
    }

    @Test func oneTokenizerServesManyTasksAtOnce() async throws {
        let tokenizer = try Self.wordmath()
        let texts = (0..<40).map { "How many nuts does friend \($0) get?\n\n  \($0 * 7) of them, I'd say." }
        let expected = try texts.map { try tokenizer.encode($0, addSpecialTokens: false) }
        try await withThrowingTaskGroup(of: (Int, [Int32]).self) { group in
            for (index, text) in texts.enumerated() {
                group.addTask { (index, try tokenizer.encode(text, addSpecialTokens: false)) }
            }
            for try await (index, ids) in group { #expect(ids == expected[index]) }
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: ["ab", " ", "\n", "a b ", "1,"])
    func longTextsWithoutAPauseAreEncodedInReasonableTime(unit: String) throws {
        // With quadratic time, this would take tens of minutes.
        let tokenizer = try Self.wordmath()
        let text = String(repeating: unit, count: 200_000 / unit.utf8.count)
        let ids = try tokenizer.encode(text, addSpecialTokens: false)
        #expect(try tokenizer.decode(ids, skipSpecialTokens: false) == text)
    }

    @Test(.timeLimit(.minutes(5))) func longRunsOfStrippedWhiteSpaceAreEncodedInReasonableTime() throws {
        var file = SmallTokenizerFile()
        file.added = #"[{"id": 6, "content": "\n", "lstrip": true, "rstrip": true, "normalized": false}]"#
        let tokenizer = try file.tokenizer()
        let ids = try tokenizer.encode("a" + String(repeating: "\n", count: 200_000), addSpecialTokens: false)
        #expect(ids.first == 0)
        #expect(ids.last == 6)
    }

    @Test func absorbedWhiteSpaceIsNotAbsorbedAgain() throws {
        // The reference library drops a token of which nothing is left.
        var file = SmallTokenizerFile()
        file.added = #"[{"id": 6, "content": "\n", "lstrip": true, "rstrip": true, "normalized": false}]"#
        #expect(try file.tokenizer().encode("a\n\n\nb\n", addSpecialTokens: false) == [0, 6, 1, 6])
    }

    @Test func aStreamHoldsBackARunOfByteTokens() throws {
        var file = SmallTokenizerFile()
        file.vocabulary = #"{"▁a": 0, "<0xC3>": 1, "<0xA9>": 2, "b": 3}"#
        file.merges = "[]"
        file.decoder = """
            {"type": "Sequence", "decoders": [
             {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
             {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
            """
        var stream = try file.tokenizer().makeStreamDecoder(skipSpecialTokens: false)
        #expect([0, 0, 1, 2, 3].map { stream.append($0) } == ["a", " a", "", "", "éb"])
        #expect([1, 3, 1, 2].map { stream.append($0) } == ["", "\u{FFFD}b", "", ""])
        #expect(stream.finish() == "é")
        #expect(stream.append(0) == "a")
    }

    @Test func aPatternOfExponentialCostFailsInsteadOfHanging() throws {
        var file = SmallTokenizerFile()
        file.preTokenizer =
            #"{"type": "Split", "pattern": {"Regex": "(?:a|a|aa)+[bc]"}, "behavior": "Isolated", "invert": false}"#
        let tokenizer = try file.tokenizer()
        let error = #expect(throws: TokenizerError.self) {
            try tokenizer.encode(String(repeating: "a", count: 100) + " b", addSpecialTokens: false)
        }
        #expect(error?.description.contains("match limit") == true)
    }
}
