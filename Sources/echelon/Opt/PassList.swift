import Compiler
import Reports

/// The list of passes that `--list-passes` prints.
struct PassList {
    // A pass may be necessary only for some options: packed formats make lower-weights so.
    private let reports = Pipeline(CompilerOptions(weights: .bf16)).passes.map { PassReport($0) }

    func write(json: Bool) throws {
        if json { return try Terminal.writeJSON(reports) }
        try Terminal.write(
            reports.map { pass in
                let heading = pass.name + (pass.parameters.map { "=" + $0 } ?? "")
                let order = pass.follows.map { "\n    after \($0.pass): \($0.reason)" }.joined()
                return "\(heading)\n    \(pass.summary)\(order)\n"
            }.joined())
    }
}
