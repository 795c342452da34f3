import IR
import Reports

/// The list of operations that `--list-operations` prints.
struct OperationList {
    private let reports = Opcode.allCases.map { OperationReport($0) }

    func write(json: Bool) throws {
        if json { return try Terminal.writeJSON(reports) }
        try Terminal.write(reports.map { "\($0.form)\n    \($0.meaning)\n" }.joined())
    }
}
