import Compiler
import IR
import Plans

/// Sums up a function at each stage. What a pass leaves as it is is not measured again.
struct StageMeasure {
    /// How often loops run.
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
        // Loops of a fixed count are no instruction of the tape. Until they are unrolled they cost what those of the
        // caller's do.
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
