import Compiler
import Foundation
import IR
import RepositoryFiles
import Testing

/// The compiler tests of `Tests/IR`. Each file contains a module, a command, and expected lines in comments.
/// CONTRIBUTING.md describes the format.
@Suite struct TextFileTests {
    /// A file and its expectations.
    struct Case: CustomTestStringConvertible, Sendable {
        enum Expectation: Sendable {
            case line(String), nextLine(String), absent(String), failure(String)
        }

        var testDescription: String
        var text: String
        var passes = ""
        var expectations: [Expectation] = []

        init(_ file: URL) throws {
            testDescription = file.lastPathComponent
            text = try String(contentsOf: file, encoding: .utf8)
            var hasCommand = false
            for line in text.split(separator: "\n") {
                guard let match = line.wholeMatch(of: #/// (RUN|CHECK|CHECK-NEXT|CHECK-NOT|ERROR): (.+)/#) else {
                    continue
                }
                let argument = String(match.2)
                switch match.1 {
                case "RUN":
                    let words = argument.split(separator: " ")
                    try #require(
                        !hasCommand && (words == ["opt"] || words.count == 3 && words[..<2] == ["opt", "--passes"]),
                        "\(testDescription): a file has one command, `opt` or `opt --passes LIST`")
                    hasCommand = true
                    passes = words.count == 3 ? String(words[2]) : ""
                case "CHECK": expectations.append(.line(argument))
                case "CHECK-NEXT": expectations.append(.nextLine(argument))
                case "CHECK-NOT": expectations.append(.absent(argument))
                default: expectations.append(.failure(argument))
                }
            }
            try #require(hasCommand && !expectations.isEmpty, "\(testDescription): no command or no expected line")
        }

        /// The canonical text of the module after the passes, or the error that stopped them.
        func run() -> Result<String, any Error> {
            Result {
                var module = try Module(parsing: text)
                try verify(module)
                for pass in try Pipeline(parsing: passes).passes {
                    module = try pass.run(module)
                    try verify(module)
                }
                return module.description
            }
        }
    }

    static func cases() throws -> [Case] {
        let folder = Repository.root.appending(path: "Tests/IR")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "ir" }
            .sorted { $0.path < $1.path }.map(Case.init)
    }

    @Test(arguments: try cases())
    func `a module gives the expected lines`(_ item: Case) throws {
        let output: String
        switch item.run() {
        case .success(let text): output = text
        case .failure(let error):
            guard case .failure(let text)? = item.expectations.first else { throw error }
            #expect("\(error)".contains(text))
            return
        }
        let lines = output.split(separator: "\n")
        var next = 0
        for expectation in item.expectations {
            switch expectation {
            case .line(let text):
                let found = lines[next...].firstIndex { $0.contains(text) }
                next = try #require(found, "no line from \(next + 1) on contains \"\(text)\":\n\(output)") + 1
            case .nextLine(let text):
                try #require(
                    next < lines.count && lines[next].contains(text),
                    "line \(next + 1) does not contain \"\(text)\":\n\(output)")
                next += 1
            case .absent(let text): #expect(!output.contains(text))
            case .failure(let text): Issue.record("expected an error that contains \"\(text)\", got:\n\(output)")
            }
        }
    }
}
