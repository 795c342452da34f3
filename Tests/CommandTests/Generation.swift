import Foundation
import GoldenRuns
import Testing

/// What `generate --json` prints.
struct GenerationReport: Decodable {
    var tokens: [Int32]
    var text: String
    var promptTokens: [Int32]
    var steps: Int
    var recurrences: Int
    var seconds: Double
    var tokensPerSecond: Double
    var stopReason: String
}

/// What `generate --trace` writes.
struct GenerationTrace: Decodable, Equatable {
    struct Step: Decodable, Equatable {
        var step: Int
        var start: Int
        var frozen: Int
        var tokens: [Int32]
        var recurrences: [Int]
        var differences: [Double]

        var golden: GoldenRuns.Step { .init(tokens: tokens, frozen: frozen, recurrences: recurrences) }
    }
    var sampler: String
    var promptTokens: [Int32]
    var steps: [Step]
}

/// Runs `generate --json` on one thread, which serves many runs at a time best and leaves the results as they are.
/// - Parameter arguments: the model, the prompt and options.
func generate(
    _ arguments: [String], threads: Int = 1, _ location: SourceLocation = #_sourceLocation
) throws -> GenerationReport {
    try EchelonCommand.run(["generate", "--json", "--threads", "\(threads)"] + arguments)
        .json(GenerationReport.self, location)
}

/// Runs `generate` with a trace.
func traced(
    _ arguments: [String], _ location: SourceLocation = #_sourceLocation
) throws -> (report: GenerationReport, trace: GenerationTrace) {
    let folder = try TemporaryFolder()
    let report = try generate(arguments + ["--trace", folder.file("trace.json")], location)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = try Data(contentsOf: URL(filePath: folder.file("trace.json")))
    return (report, try decoder.decode(GenerationTrace.self, from: data))
}

/// Token ids as `--tokens` takes them.
func list(_ tokens: [Int32]) -> String { tokens.map(String.init).joined(separator: ",") }
