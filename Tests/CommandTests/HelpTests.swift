import Foundation
import Inspection
import RepositoryFiles
import Testing

/// The help of every command is compared with the recorded one in `Help/`, so that a review shows changes of its
/// wording.
///
/// With the environment variable `ECHELON_RENEW_HELP=1`, the test writes the files instead of comparing them.
@Suite struct HelpTests {
    private static let folder = Repository.root.appending(path: "Tests/CommandTests/Help")

    @Test(arguments: [
        "echelon", "generate", "compile", "inspect", "opt", "bench", "profile", "logits", "tokenize", "template",
        "models",
    ])
    func `help is worded as recorded`(_ command: String) throws {
        let arguments = (command == "echelon" ? [] : [command]) + ["--help"]
        let help = try EchelonCommand.run(arguments).succeeded().text
        let file = Self.folder.appending(path: "\(command).txt")
        if ProcessInfo.processInfo.environment["ECHELON_RENEW_HELP"] == "1" {
            return try Data(help.utf8).write(to: file)
        }
        let recorded = try String(contentsOf: file, encoding: .utf8)
        #expect(
            help == recorded,
            """
            The help of \(command) differs from Tests/CommandTests/Help/\(command).txt:
            \(difference(from: recorded, to: help))
            If the change is intended, renew the files: ECHELON_RENEW_HELP=1 swift test --filter HelpTests
            """)
    }

    @Test func `every command has recorded help`() throws {
        let help = try EchelonCommand.run("--help").succeeded().text
        let list = try #require(help.range(of: "SUBCOMMANDS:\n")).upperBound
        let commands = help[list...].split(separator: "\n").compactMap { line in
            line.hasPrefix("  ") && !line.hasPrefix("   ") && !line.hasPrefix("  See")
                ? line.split(separator: " ").first.map(String.init) : nil
        }
        let recorded = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(recorded) == Set((commands + ["echelon"]).map { "\($0).txt" }))
    }

    private func difference(from old: String, to new: String) -> String {
        func lines(_ text: String) -> [String] {
            text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        return TextDiff(from: lines(old), to: lines(new)).hunks().flatMap { [$0.heading] + $0.lines }
            .joined(separator: "\n")
    }
}
