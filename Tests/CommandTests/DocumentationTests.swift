import Foundation
import RepositoryFiles
import Testing

/// The parts of the documentation that `Tools/docs` generates from the command's own descriptions.
@Suite struct DocumentationTests {
    @Test func `the generated parts of the documentation are current`() throws {
        let process = Process()
        process.executableURL = Repository.root.appending(path: "Tools/docs")
        process.arguments = try ["--check", "--echelon", EchelonCommand.executable().path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd().map { String(decoding: $0, as: UTF8.self) } ?? ""
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
    }
}
