import Reports
import Runtime
import Samplers

/// The lossless wavefront's r' if the command line gives none: measured on this machine once, and kept.
struct MeasuredInnerRecurrence {
    let record: InnerRecurrenceRecord

    /// Reads the kept choice, or measures and keeps it. A folder that cannot be written to only means that the next
    /// run measures again.
    /// - Parameters:
    ///   - model: a model in which no sequence has started.
    ///   - recurrence: r, at least 1.
    init(_ model: PlanModel, recurrence: Int) throws {
        let key = try InnerRecurrenceRecord.Key(
            model, recurrence: recurrence, version: Echelon.configuration.version)
        let folder = InnerRecurrenceRecord.folder()
        if let folder, let kept = InnerRecurrenceRecord.kept(for: key, in: folder) {
            record = kept
            return
        }
        record = InnerRecurrenceRecord(key: key, timing: try Self.measure(model, recurrence))
        if let folder { try? record.keep(in: folder) }
    }

    /// The choice and its reason, in a line.
    var text: String {
        let timing = record.timing
        let step = "a step of \(timing.rows) \(timing.rows == 1 ? "row" : "rows")"
        return "r' = \(timing.innerRecurrence) (measured on this machine: \(step) takes "
            + "\(decimals(timing.seconds * 1e3, 2)) ms, \(decimals(timing.seconds / timing.singleRowSeconds, 2)) times "
            + "a step of one)"
    }

    // MARK: Measuring

    /// The minimum number of calls of a kind, after a first one that touches memory and starts threads.
    private static let minRepeats = 3
    /// Short calls are repeated for this many seconds. At most 2 · 6 kinds of calls are measured at r = 32, and in
    /// practice half of them, so that all take less than a second.
    private static let seconds = 0.06

    /// Times the calls. Other programs can only lengthen a call, so the shortest of each kind counts: a median taken
    /// while the machine was busy would be kept.
    private static func measure(_ model: PlanModel, _ recurrence: Int) throws -> InnerRecurrenceChoice.Timing {
        defer { model.reset(slot: 0) }
        let calls = BenchCalls(model)
        let maxRows = min(model.plan.contents.settings.maxRows, model.shape.context)
        var progress = ProgressLine("measuring")
        defer { progress.clear() }
        return try InnerRecurrenceChoice.choose(recurrence: recurrence, maxRows: maxRows) { rows, inner in
            try Interrupt.check()
            progress.show("steps of \(rows) rows with \(inner) recurrences")
            var call = calls.decode(0..<rows, recurrences: inner)
            // Every row is r' recurrences ahead of the next one.
            call.depths = (0..<rows).map { Int32((rows - 1 - $0) * inner) }
            _ = try calls.time(call)
            var (shortest, total, count) = (Double.infinity, 0.0, 0)
            while count < minRepeats || total < seconds {
                let time = try calls.time(call)
                (shortest, total, count) = (min(shortest, time), total + time, count + 1)
            }
            return shortest
        }
    }
}
