import Foundation
import RepositoryFiles
import Testing

/// The lists of files in CONTRIBUTING.md, "What a change costs", are the files that name the thing in code.
@Suite struct CostOfChangeTests {
    /// The paths of the list with this title, in backquotes between `<!-- files: TITLE -->` and `<!-- end -->`.
    private static func list(_ title: String) throws -> Set<String> {
        let text = try String(contentsOf: Repository.root.appending(path: "CONTRIBUTING.md"), encoding: .utf8)
        let start = try #require(text.firstRange(of: "<!-- files: \(title) -->"), "CONTRIBUTING.md has no such list")
        let rest = text[start.upperBound...]
        let end = try #require(rest.firstRange(of: "<!-- end -->"))
        return Set(rest[..<end.lowerBound].matches(of: /`([^`]+\/[^`]*)`/).map { String($0.1) })
    }

    /// The source files, relative to the repository, with a line of code that matches the pattern. Comments and the
    /// examples in help texts do not count.
    private static func files(naming pattern: Regex<Substring>) throws -> Set<String> {
        var found: Set<String> = []
        for folder in ["IR", "Sources"] {
            let root = Repository.root.appending(path: folder)
            for case let path as String in FileManager.default.enumerator(atPath: root.path()) ?? .init() {
                guard [".swift", ".c", ".h", ".def"].contains(where: path.hasSuffix) else { continue }
                let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
                let code = text.replacing(/"""[\s\S]*?"""/, with: "").split(separator: "\n")
                    .map { $0.replacing(/\/\/.*/, with: "") }
                if code.contains(where: { $0.contains(pattern) }) { found.insert("\(folder)/\(path)") }
            }
        }
        return found
    }

    @Test func `an operation that reads a matrix is six files and a pass`() throws {
        let named = try Self.files(naming: /linearSiluGate|linear_silu_gate|LINEAR_SILU_GATE/)
        let operation = try Self.list("operation linear_silu_gate")
        #expect(operation.count == 6)
        #expect(try named == operation.union(Self.list("pass for linear_silu_gate")))
    }

    @Test func `a weight format is a folder and a line in Swift and in C, and a probe of its products`() throws {
        let named = try Self.files(naming: /\bint4\b|Int4|INT4/)
        let listed = try Self.list("weight format int4")
        let folders = listed.filter { $0.hasSuffix("/") }
        #expect(folders.count == 2 && listed.count == 7)
        let outside = named.filter { path in !folders.contains { path.hasPrefix($0) } }
        #expect(outside == listed.subtracting(folders))
    }
}
