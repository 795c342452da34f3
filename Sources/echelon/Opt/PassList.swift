import Compiler

/// The passes for `--list-passes`.
struct PassList {
    private struct Entry: Encodable {
        var name: String
        var summary: String
        /// Absent when it takes none.
        var parameters: String?
        var follows: [Predecessor]
    }

    private let entries = Pipeline(CompilerOptions()).passes.map { pass in
        Entry(
            name: pass.name, summary: pass.summary,
            parameters: (type(of: pass) as? any ParameterizedPass.Type)?.parameterForm, follows: pass.follows)
    }

    func write(json: Bool) throws {
        if json { return try Terminal.writeJSON(entries) }
        try Terminal.write(
            entries.map { entry in
                let heading = entry.name + (entry.parameters.map { "=" + $0 } ?? "")
                let order = entry.follows.map { "\n    after \($0.pass): \($0.reason)" }.joined()
                return "\(heading)\n    \(entry.summary)\(order)\n"
            }.joined())
    }
}
