import Foundation
import RepositoryFiles
import Testing

/// The steps of docs/sampling.md and the comments that name them.
@Suite struct DocumentedStepTests {
    @Test func `the code names every step of the page once`() throws {
        let page = try String(contentsOf: Repository.root.appending(path: "docs/sampling.md"), encoding: .utf8)
        let documented = page.matches(of: #/\*\*([A-Z][0-9]) /#).map { String($0.1) }
        #expect(documented.count >= 13)
        #expect(Set(documented).count == documented.count)

        let folder = Repository.root.appending(path: "Sources/Samplers")
        let code = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .map { try String(contentsOf: $0, encoding: .utf8) }.joined()
        let named = code.matches(of: #/sampling\.md, step [^.;]*/#).flatMap { mention in
            mention.0.matches(of: #/\b[A-Z][0-9]\b/#).map { String($0.0) }
        }
        #expect(named.sorted() == documented.sorted())
    }
}
