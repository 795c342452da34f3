import Checkpoints
import Foundation
import RepositoryFiles
import Testing

/// Damaged or unsupported tokenizers are refused with an error that names the problem.
@Suite struct TokenizerRefusalTests {
    /// Expects an error whose description contains each of `parts`.
    private func expectRefusal(_ json: String, _ parts: [String], _ location: SourceLocation = #_sourceLocation) {
        let error = #expect(throws: TokenizerError.self, sourceLocation: location) {
            try Tokenizer(json: json.utf8, file: "small.json")
        }
        for part in ["small.json"] + parts {
            #expect(
                error?.description.contains(part) == true, "\(part) in \(error?.description ?? "nothing")",
                sourceLocation: location)
        }
    }

    @Test(arguments: ["NFX", "Bert"])
    func otherNormalizers(type: String) {
        var file = SmallTokenizerFile()
        file.normalizer = #"{"type": "\#(type)"}"#
        expectRefusal(file.json, ["normalizer", type, "not supported"])
        file.normalizer = #"{"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "\#(type)"}]}"#
        expectRefusal(file.json, ["normalizer.normalizers[1]", type, "not supported"])
    }

    @Test func anUnknownTokenThatIsMissingMattersOnlyWhereItIsNeeded() throws {
        var file = SmallTokenizerFile()
        file.modelSettings = #""unk_token": "<unk>","#
        let tokenizer = try file.tokenizer()
        #expect(try tokenizer.encode("abc a", addSpecialTokens: false) == [4, 5, 0])
        let error = #expect(throws: TokenizerError.self) { try tokenizer.encode("abx", addSpecialTokens: false) }
        #expect(error?.description.contains("unk_token <unk>") == true)
    }

    @Test(arguments: [
        ("?", "base64"), ("", "base64"), ("/////w==", "size"), ("CAAAAAAAAAA=", "size"), ("BAAAAAAAAAD/", "UTF-8"),
    ])
    func damagedCharacterMaps(map: String, message: String) {
        var file = SmallTokenizerFile()
        file.normalizer = #"{"type": "Precompiled", "precompiled_charsmap": "\#(map)"}"#
        expectRefusal(file.json, ["normalizer.precompiled_charsmap", message])
    }

    /// A map of `a` to the text at a place in the results, which are "é".
    private func characterMap(place: UInt32, root: UInt32 = 256 << 10) -> String {
        var units = [UInt32](repeating: 0, count: 354)
        units[0] = root
        units[256 ^ 0x61] = 1 << 10 | 1 << 8 | 0x61
        units[256 ^ 0x61 ^ 1] = 1 << 31 | place
        var bytes = [UInt32(units.count * 4)].flatMap { word in (0..<4).map { UInt8(word >> ($0 * 8) & 0xFF) } }
        bytes += units.flatMap { word in (0..<4).map { UInt8(word >> ($0 * 8) & 0xFF) } } + [0xC3, 0xA9, 0]
        return Data(bytes).base64EncodedString()
    }

    @Test func aCharacterMapThatPointsWhereNothingIsMapsNothing() throws {
        var file = SmallTokenizerFile()
        file.vocabulary = #"{"a": 0, "é": 1}"#
        file.merges = "[]"
        file.preTokenizer = "null"
        for (map, expected): (String, [Int32]) in [
            (characterMap(place: 0), [1]),
            (characterMap(place: 1), [0]),  // the middle of a character
            (characterMap(place: 3), [0]), (characterMap(place: 1 << 30), [0]),
            (characterMap(place: 0, root: 0xFFFF_FC00), [0]),
        ] {
            file.normalizer = #"{"type": "Precompiled", "precompiled_charsmap": "\#(map)"}"#
            #expect(try file.tokenizer().encode("a", addSpecialTokens: false) == expected)
        }
    }

    @Test(arguments: ["Delimiter", "Words"])
    func otherPreTokenizers(type: String) {
        var file = SmallTokenizerFile()
        file.preTokenizer = #"{"type": "\#(type)"}"#
        expectRefusal(file.json, ["pre_tokenizer", type, "not supported"])
    }

    @Test(arguments: ["Bert", "Truncation"])
    func otherPostProcessors(type: String) {
        var file = SmallTokenizerFile()
        file.postProcessor = #"{"type": "\#(type)"}"#
        expectRefusal(file.json, ["post_processor", type, "not supported"])
    }

    @Test(arguments: ["BPE", "Unigram"])
    func otherDecoders(type: String) {
        var file = SmallTokenizerFile()
        file.decoder = #"{"type": "Sequence", "decoders": [{"type": "\#(type)"}]}"#
        expectRefusal(file.json, ["decoder.decoders[0]", type, "not supported"])
    }

    @Test(arguments: ["WordPiece", "WordLevel", "Unigram"])
    func otherModels(type: String) {
        let json = #"{"model": {"type": "\#(type)", "vocab": {"a": 0}}}"#
        expectRefusal(json, ["model", type, "not supported"])
    }

    @Test func settingsThatAreNotKnown() {
        var file = SmallTokenizerFile()
        file.modelSettings = #""future": true,"#
        expectRefusal(file.json, ["model", "future"])
        file.modelSettings = #""dropout": 0.1,"#
        expectRefusal(file.json, ["model.dropout", "dropout"])
        file.modelSettings = ""
        file.extra = #""version": "2.0","#
        expectRefusal(file.json, ["version", "more than once"])
    }

    @Test(arguments: [
        (#"{"a": -1}"#, "whole number"), (#"{"a": 1.5}"#, "whole number"), (#"{"a": 1e30}"#, "whole number"),
        (#"{"a": 2147483647}"#, "16777215"), (#"{"a": "0"}"#, "whole number"), (#"{"a": null}"#, "whole number"),
        (#"{"a": 0, "b": 0}"#, "same id"), (#"{"a": 0, "\u0061": 1}"#, "more than once"), (#"["a"]"#, "an object"),
        ("{}", "no tokens"),
    ])
    func damagedVocabularies(vocabulary: String, message: String) {
        var file = SmallTokenizerFile()
        file.vocabulary = vocabulary
        file.merges = "[]"
        expectRefusal(file.json, [message])
    }

    @Test(arguments: [
        (#"["a x"]"#, #""x""#), (#"["b a"]"#, #""ba""#), (#"["ab"]"#, "two tokens"), (#"["a b c"]"#, "two tokens"),
        (#"[["a"]]"#, "two tokens"), (#"[["a", 1]]"#, "two tokens"), ("[3]", "a string or an array"),
        (#""a b""#, "an array"),
    ])
    func damagedMerges(merges: String, message: String) {
        var file = SmallTokenizerFile()
        file.merges = merges
        expectRefusal(file.json, ["model.merges", message])
    }

    @Test(arguments: [
        (#"{"id": 6}"#, "content is missing"), (#"{"content": "x"}"#, "id is missing"),
        (#"{"id": -6, "content": "x"}"#, "whole number"), (#"{"id": 0, "content": "x"}"#, #"of "a""#),
        (#"{"id": 6, "content": "a"}"#, "elsewhere"), (#"{"id": 6, "content": ""}"#, "empty"),
        (#"{"id": 6, "content": "x", "special": 1}"#, "true or false"),
    ])
    func damagedAddedTokens(token: String, message: String) {
        var file = SmallTokenizerFile()
        file.added = "[\(token)]"
        expectRefusal(file.json, ["added_tokens[0]", message])
    }

    @Test func damagedTemplates() {
        var file = SmallTokenizerFile()
        let text = #"{"Sequence": {"id": "A"}}"#
        let special = #"{"SpecialToken": {"id": "<s>"}}"#
        func template(_ single: String, _ ids: String) -> String {
            #"{"type": "TemplateProcessing", "single": [\#(single)], "special_tokens": {"<s>": {"ids": [\#(ids)]}}}"#
        }
        file.postProcessor = template(special, "0")
        expectRefusal(file.json, ["post_processor", "sequence A"])
        file.postProcessor = template("\(text), \(text)", "0")
        expectRefusal(file.json, ["post_processor.single[1]", "once"])
        file.postProcessor = template("\(special), \(text)", "17")
        expectRefusal(file.json, ["post_processor.special_tokens.<s>.ids[0]", "17"])
        let bert = #"{"type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 1]}"#
        file.postProcessor =
            #"{"type": "Sequence", "processors": [\#(template("\(special), \(text)", "0")), \#(bert)]}"#
        expectRefusal(file.json, ["post_processor", "after TemplateProcessing"])
        file.postProcessor = #"{"type": "RobertaProcessing", "cls": ["a", 0], "sep": ["x", 17]}"#
        expectRefusal(file.json, ["post_processor.sep[1]", "17"])
        file.postProcessor = template(#"{"SpecialToken": {"id": "<t>"}}, \#(text)"#, "0")
        expectRefusal(file.json, ["post_processor.single[0]", "<t>"])
    }

    /// The patterns that PCRE2 would refuse, and those that it would read differently from the tokenizer's own library.
    @Test(arguments: [
        ("(", "parenthesis"), (")", "parenthesis"), ("[a", "does not end"), (#"\\"#, "backslash"),
        ("a{2,1}", "out of order"), ("[b-a]", "out of order"), (#"\\p{Klingon}"#, "property"),
        (#"\\pL"#, #"\p without"#), ("(?s:.)", "(?s"), ("(?P<n>a)", "(?P"), ("(?~a)", "(?~"), ("(?W:a)", "(?W"),
        ("(*UTF)a", "(*"), ("(?(1)a|b)", "(?("), ("[[:letters:]]", "[:letters:]"), (#"[a-\\d]"#, "end of a range"),
        ("[a-[bc]]", "end of a range"), (#"\\Qa\\E"#, #"\Q"#),
        (#"(?i:[a-z&&[^m]])"#, "while case is ignored"), (#"\\C-a"#, #"\C"#), (#"\\y"#, #"\y"#), (#"\\g<1>"#, #"\g"#),
        (#"[\\X]"#, #"\X inside a class"#), (#"\\u00"#, #"\u"#), (#"\\xE9"#, #"\x"#), (#"\\x{110000}"#, #"\x"#),
        (#"\\x{61 62}"#, #"\x"#), ("(?<=a+)b", "lookbehind"), ("a**", "quantifier"),
        (String(repeating: "[", count: 99), "nested"),
    ])
    func patterns(pattern: String, message: String) {
        var file = SmallTokenizerFile()
        file.preTokenizer =
            #"{"type": "Split", "pattern": {"Regex": "\#(pattern)"}, "behavior": "Isolated", "invert": false}"#
        expectRefusal(file.json, ["pre_tokenizer.pattern", "cannot be used", message])
    }

    @Test func splitsThatSayTooLittle() {
        var file = SmallTokenizerFile()
        file.preTokenizer = #"{"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Sideways"}"#
        expectRefusal(file.json, ["pre_tokenizer.behavior", "Sideways", "MergedWithNext"])
        file.preTokenizer = #"{"type": "Split", "pattern": {}, "behavior": "Isolated"}"#
        expectRefusal(file.json, ["pre_tokenizer.pattern", "Regex or String"])
        file.preTokenizer = #"{"type": "ByteLevel"}"#
        expectRefusal(file.json, ["pre_tokenizer", "add_prefix_space"])
    }

    @Test(arguments: [
        "", "{", "[1,]", #"{"a" 1}"#, #"{"a": 1,}"#, "nul", "01", "1.", "-", "1e", #""\x""#, #""\ud800""#,
        #""\ud800\u0041""#, #""\udc00""#, #""\u12""#, "\"\u{1}\"", "\"", "{} {}", "{1: 2}", "'a'",
    ])
    func textThatIsNotJSON(text: String) {
        expectRefusal(text, ["not valid JSON", "at byte"])
    }

    @Test func nestingThatWouldExhaustTheStack() {
        expectRefusal(String(repeating: "[", count: 1_000_000), ["nested"])
    }

    @Test func bytesThatAreNotUTF8() {
        #expect(throws: TokenizerError.self) { try Tokenizer(json: [0x22, 0xFF, 0x22] as [UInt8]) }
    }

    @Test func aFileCutAnywhere() throws {
        let url = Repository.root.appending(path: "Tools/wordmath/checkpoint/tokenizer.json")
        let data = try Data(contentsOf: url)
        for length in stride(from: 0, to: data.count - 1, by: 997) {
            #expect(throws: TokenizerError.self) { try Tokenizer(json: data.prefix(length)) }
        }
    }

    @Test func aFileThatIsNotThere() {
        let error = #expect(throws: TokenizerError.self) {
            try Tokenizer(contentsOf: URL(filePath: "/no/such/tokenizer.json"))
        }
        #expect(error?.description.contains("/no/such/tokenizer.json cannot be read") == true)
    }
}
