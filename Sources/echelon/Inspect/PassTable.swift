import Foundation
import Inspection

/// A table of the costs of a function after each pass.
struct PassTable {
    private let function: InspectedFunction
    private let inspection: Inspection

    init(_ function: InspectedFunction, _ inspection: Inspection) {
        self.function = function
        self.inspection = inspection
    }

    var text: String {
        var lines = [
            "passes: what \(function.label) costs after each, loops run \(function.recurrences) times",
            row(
                "stage", "operations", "instructions", "barriers", "arena/row", "values/row", "weights/step",
                "FLOPs/row"),
        ]
        for stage in function.stages {
            let totals = stage.totals
            lines.append(
                row(
                    inspection.stages[stage.stage].name, "\(totals.operations)", optional(totals.instructions),
                    optional(totals.barriers), optional(totals.arenaBytesPerRow), "\(totals.valueBytesPerRow)",
                    "\(totals.weightBytes)", "\(totals.flopsPerRow)"))
        }
        return lines.joined(separator: "\n")
    }

    private func optional(_ number: Int?) -> String { number.map(String.init) ?? "-" }

    private func row(_ name: String, _ columns: String...) -> String {
        let widths = [12, 14, 10, 11, 12, 15, 15]
        return "  " + name.padding(toLength: max(22, name.count), withPad: " ", startingAt: 0)
            + zip(columns, widths).map { String(repeating: " ", count: max(1, $1 - $0.count)) + $0 }.joined()
    }
}
