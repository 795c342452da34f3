import ArgumentParser
import Checkpoints
import Foundation
import Safetensors

struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn text into token ids, or back with --decode.",
        discussion: """
            MODEL is a plan, a checkpoint folder or a tokenizer.json. If TEXT is not given, it is read from standard input.

              echelon tokenize huginn.plan "Hello there"
              echelon tokenize tokenizer.json --decode "17 273 220"
              echelon tokenize huginn.plan --json < book.txt > tokens.json
              echelon tokenize huginn.plan --json-lines < texts.jsonl
            """)

    @Argument(help: "A plan, a checkpoint folder or a tokenizer.json.")
    var model: String

    @Argument(help: "The text or, with --decode, the token ids.")
    var text: String?

    @Flag(help: "Turn token ids into text.")
    var decode = false

    @Flag(help: "Print the ids as one JSON array; with --decode, the text as a JSON string.")
    var json = false

    @Flag(
        help: """
            Take each line as a text in the form of a JSON string or, with --decode, as a JSON array of ids, and print a \
            line of JSON for it.
            """)
    var jsonLines = false

    @Flag(inversion: .prefixedNo, help: "Add the special tokens that the tokenizer puts around a text.")
    var specialTokens = true

    func run() throws { try reportingFailures(tokenize) }

    private func tokenize() throws {
        let tokenizer = try openTokenizer()
        let input = try text.map(FilePath.readable) ?? Terminal.input()
        if jsonLines {
            for line in input.split(separator: "\n") {
                if decode {
                    let ids = try Self.value(of: line, "an array of token ids", [Int32].self)
                    try Terminal.writeJSON(tokenizer.decode(ids, skipSpecialTokens: false))
                } else {
                    let text = try Self.value(of: line, "a string", String.self)
                    try Terminal.writeJSON(tokenizer.encode(text, addSpecialTokens: specialTokens))
                }
            }
        } else if decode {
            guard let list = TokenList(argument: input) else {
                throw CommandError("The token ids to decode have to be whole numbers, such as 17 273 220.")
            }
            let decoded = try tokenizer.decode(list.tokens, skipSpecialTokens: false)
            if json { try Terminal.writeJSON(decoded) } else { try Terminal.write(decoded + (text == nil ? "" : "\n")) }
        } else {
            let tokens = try tokenizer.encode(input, addSpecialTokens: specialTokens)
            if json {
                try Terminal.writeJSON(tokens)
            } else {
                try Terminal.write(tokens.map(String.init).joined(separator: " ") + "\n")
            }
        }
    }

    private static func value<Value: Decodable>(of line: Substring, _ kind: String, _ type: Value.Type) throws -> Value
    {
        do {
            return try JSONDecoder().decode(type, from: Data(line.utf8))
        } catch {
            throw CommandError(
                "With --json-lines each line has to be \(kind) in JSON, and this is not: \(line.prefix(80))")
        }
    }

    private func openTokenizer() throws -> Tokenizer {
        if model.hasSuffix(".json") { return try Tokenizer(json: FilePath.contents(of: model), file: model) }
        return try TextTools(ModelSource(path: model).documents()).tokenizer
    }
}
