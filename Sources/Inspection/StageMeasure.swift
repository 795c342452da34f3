import Compiler
import IR
import Plans

/// A sum of the costs of a function at each stage. A stage that is equal to the previous one is not measured again.
struct StageMeasure {
    /// The number of iterations of loops whose count the caller decides.
    let recurrences: Int
    private var last: (function: Function, weights: [String: ScheduledWeight], totals: StageTotals)?

    init(recurrences: Int) { self.recurrences = recurrences }

    mutating func totals(
        of function: Function, in module: Module, weights: [String: ScheduledWeight]
    ) -> StageTotals {
        if let last, last.function == function, last.weights == weights { return last.totals }
        var totals = StageTotals(
            operations: 0, weightBytes: 0, valueBytesPerRow: 0, flopsPerRow: 0, flopsPerPosition: 0)
        function.forEachOperation { operation, loop in
            let times = loop?.body.map { if case .number(let count) = $0.count { count } else { recurrences } } ?? 1
            let cost = OperationCost(operation, in: module, weights: weights)
            totals.operations += 1
            totals.weightBytes += times * (cost.weightBytes + cost.weightBytesPerRow)
            totals.valueBytesPerRow += times * (cost.readBytesPerRow + cost.writtenBytesPerRow)
            totals.flopsPerRow += times * cost.flopsPerRow
            totals.flopsPerPosition += times * cost.flopsPerPosition
        }
        // A tape has no instruction for a loop with a fixed count. Until such a loop is unrolled, it costs as much as a
        // loop whose count the caller decides.
        var looping = function
        for index in looping.operations.indices { looping.operations[index].body?.count = .recurrences }
        let single = Module(weights: module.weights, caches: module.caches, functions: [looping])
        if let tape = try? schedule(single).functions.first {
            totals.instructions = tape.instructions.count
            totals.barriers = tape.instructions.filter(\.barrier).count
            totals.arenaBytesPerRow = tape.arenaBytesPerRow
            totals.unplannedBytesPerRow = tape.unplannedBytesPerRow
        }
        last = (function, weights, totals)
        return totals
    }
}
