import ArgumentParser
import Compiler
import Foundation
import ParserFuzzing

/// The program that feeds damaged module texts to the parser, for longer runs than the tests make.
@main
struct FuzzParser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz-parser",
        abstract: "Feed damaged module texts to the parser of the IR.",
        discussion: """
            Every input must be refused with a line and a column of its text, or read as a module that prints and reads \
            back as the same. An input depends only on its number and the seed.

              swift run -c release fuzz-parser --inputs 1000000 --seed 1
              swift run -c release fuzz-parser --inputs 100000 --passes fuse-gate,lower-weights=int8
              swift run -c release fuzz-parser --seed 1 --show 4711 | echelon opt --verify-only
            """)

    @Option(help: "The number of inputs to try.")
    var inputs = 1_000_000

    @Option(help: ArgumentHelp("Passes to run, each alone, on every module that verifies.", valueName: "list"))
    var passes = ""

    @Option(help: "The seed of the inputs.")
    var seed: UInt64 = 1

    @Option(help: "The number of the first input, to continue a run that crashed.")
    var first = 0

    @Option(help: "Write this input to standard output and try none.")
    var show: Int?

    /// Inputs that are tried between two lines about the progress.
    private static let batch = 20_000

    func validate() throws {
        guard inputs >= 0, first >= 0, inputs <= Int.max - first else {
            throw ValidationError("--inputs and --first have to be 0 or more.")
        }
    }

    func run() async throws {
        let fuzzer = ParserFuzzer(
            texts: try ShippedTexts.all(), seed: seed, passes: try Pipeline(parsing: passes).passes)
        if let show { return try FileHandle.standardOutput.write(contentsOf: Data(fuzzer.input(show))) }
        let start = ContinuousClock.now
        var tally = ParserFuzzer.Tally()
        let end = first + inputs
        for batch in stride(from: first, to: end, by: Self.batch) {
            try FileHandle.standardError.write(contentsOf: Data("inputs from \(batch) on\n".utf8))
            try await withThrowingTaskGroup(of: ParserFuzzer.Tally.self) { group in
                let last = min(batch + Self.batch, end)
                let share = max(1, Self.batch / ProcessInfo.processInfo.activeProcessorCount)
                for from in stride(from: batch, to: last, by: share) {
                    group.addTask { try fuzzer.run(from..<min(from + share, last)) }
                }
                for try await part in group { tally += part }
            }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print(
            """
            \(tally.inputs) inputs in \(Int(seconds)) s: \(tally.rejected) refused with line and column, \(tally.parsed) read \
            as modules and back, \(tally.verified) of them verified; \(tally.repaired) were not UTF-8; the slowest took \
            \(Int(tally.slowest / .milliseconds(1))) ms
            """)
    }
}
