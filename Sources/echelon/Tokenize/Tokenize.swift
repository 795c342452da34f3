import ArgumentParser
import Checkpoints
import Foundation

struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn text into token ids, or back with --decode.",
        discussion: """
            MODEL is a plan, a checkpoint folder or a tokenizer.json. If TEXT is not given, it is read from standard input.

              echelon tokenize huginn.plan "Hello there"
              echelon tokenize tokenizer.json --decode "17 273 220"
              echelon tokenize huginn.plan --json < book.txt > tokens.json
            """)

    @Argument(help: "A plan, a checkpoint folder or a tokenizer.json.")
    var model: String

    @Argument(help: "The text or, with --decode, the token ids.")
    var text: String?

    @Flag(help: "Turn token ids into text.")
    var decode = false

    @Flag(help: "Print the ids as one JSON array; with --decode, the text as a JSON string.")
    var json = false

    @Flag(inversion: .prefixedNo, help: "Add the special tokens that the tokenizer puts around a text.")
    var specialTokens = true

    func run() throws { try reportingFailures(tokenize) }

    private func tokenize() throws {
        let tokenizer = try openTokenizer()
        let input = try text ?? Terminal.input()
        if decode {
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

    private func openTokenizer() throws -> Tokenizer {
        if model.hasSuffix(".json") { return try Tokenizer(contentsOf: URL(filePath: model)) }
        return try TextTools(ModelSource(path: model).documents()).tokenizer
    }
}
