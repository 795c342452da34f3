import Foundation
import GoldenRuns
import Reports
import Samplers
import Testing

extension StepRecord {
    /// A step in the form of the recorded runs.
    var golden: GoldenRuns.Step { .init(tokens: tokens, frozen: frozen, recurrences: recurrences) }
}

/// Runs `generate --json` on one thread. The results do not depend on the number of threads, and tests run in parallel.
/// - Parameter arguments: The model, the prompt and options.
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
    let data = try Data(contentsOf: URL(filePath: folder.file("trace.json")))
    return (report, try ReportJSON.value(GenerationTrace.self, from: data))
}

/// The token ids in the form that `--tokens` takes.
func list(_ tokens: [Int32]) -> String { tokens.map(String.init).joined(separator: ",") }
