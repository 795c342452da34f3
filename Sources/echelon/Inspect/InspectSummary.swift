import Foundation
import Inspection
import NumberFormats
import Plans

/// A summary of a plan that fits on one screen.
struct InspectSummary {
    private let inspection: Inspection
    private let schedule: Schedule
    private let call: InspectCall
    private let name: String

    init(_ inspection: Inspection, _ plan: Plan, _ call: InspectCall, name: String) {
        self.inspection = inspection
        self.call = call
        schedule = plan.contents.schedule
        self.name = name
    }

    var text: String {
        let (settings, prediction) = (inspection.settings, inspection.prediction)
        var lines = [
            "\(name): \(megabytes(inspection.bytes))"
                + (inspection.hasWeights ? "" : ", without weights: it can be inspected but not run"),
            "width \(settings.width), vocabulary \(settings.vocabulary), context \(settings.context), "
                + "at most \(settings.maxRows) rows a call",
            weights.joined(separator: "; "),
            caches,
            "",
        ]
        lines.append(
            aligned(
                "function", "operations", "instructions", "barriers", "weights/step", "FLOPs/row", "arena/row",
                prediction.map { $0.rows == 1 ? "1 row" : "\($0.rows) rows" } ?? ""))
        for function in shownFunctions {
            guard let first = function.stages.first?.totals, let last = function.stages.last?.totals else { continue }
            lines.append(
                aligned(
                    function.label, "\(first.operations) to \(last.operations)", "\(function.instructions)",
                    "\(function.barriers)", "\(short(Double(last.weightBytes)))B",
                    short(Double(last.flopsPerRow + last.flopsPerPosition * (call.context + 1))),
                    "\(function.arenaBytesPerRow) B", function.predictedMs.map { "\(decimals($0, 2)) ms" } ?? ""))
        }
        lines += ["", "Operations before and after the passes, counted for \(loops)."]
        if shownFunctions.count < inspection.functions.count {
            lines.append("The functions that return logits or states instead of tokens are in --json.")
        }
        lines.append(prediction.map(basis) ?? "FLOPs after \(call.context) positions.")
        lines.append("More: -o page.html, --function NAME, --stage PASS, --diff PASS, --format json|dot.")
        return lines.joined(separator: "\n") + "\n"
    }

    /// The functions that return tokens. Their other forms differ in the head alone.
    private var shownFunctions: [InspectedFunction] {
        inspection.functions.filter { FunctionName($0.name)?.head ?? .token == .token }
    }

    private var weights: [String] {
        ElementType.weightFormats.compactMap { format in
            let weights = schedule.weights.filter { $0.format == format }
            if weights.isEmpty { return nil }
            return "\(format.rawValue) weights: \(weights.count), "
                + megabytes(weights.compactMap(\.byteCount).reduce(0, +))
        }
    }

    private var caches: String {
        let memory = inspection.cacheMemory ?? []
        var formats: [String] = []
        for cache in memory where !formats.contains(cache.format) { formats.append(cache.format) }
        let budgets = memory.filter { $0.format == formats.first }.map { "\($0.budget)" }
        let sizes = formats.map { format in
            let cells = memory.filter { $0.format == format }
            return "\(format) \(cells.map { "\($0.bytesPerPosition)" }.joined(separator: ", "))"
                + (cells.contains(where: \.isDefault) ? " (default)" : "")
        }
        return "\(schedule.caches.count) caches, bytes a position at --kv-budget "
            + budgets.joined(separator: " and ") + ": " + sizes.joined(separator: "; ")
    }

    /// The basis of the predicted milliseconds.
    private func basis(_ prediction: InspectedPrediction) -> String {
        let peaks = prediction.peaks.map { "\($0.product) \(decimals($0.tflops, 3))" }.joined(separator: ", ")
        let bandwidth = decimals(prediction.readGbS, 1)
        return
            "FLOPs and milliseconds after \(prediction.context) positions. Milliseconds predicted from \(bandwidth) GB/s "
            + "read and\n\(peaks) TFLOP/s, measured now on \(prediction.threads) threads."
    }

    private var loops: String {
        let counts = Set(inspection.functions.filter { $0.unrolled == nil }.map(\.recurrences)).sorted()
        return counts.map(String.init).joined(separator: " or ") + " \(inspection.settings.model.loopWord)s"
    }

    private func aligned(_ name: String, _ columns: String...) -> String {
        let widths = [14, 13, 9, 13, 10, 10, 11]
        return name.padding(toLength: max(18, name.count), withPad: " ", startingAt: 0)
            + zip(columns.filter { !$0.isEmpty }, widths).map {
                String(repeating: " ", count: max(1, $1 - $0.count)) + $0
            }
            .joined()
    }

    /// A number with a prefix of the metric system, `1.23 G`.
    private func short(_ value: Double) -> String {
        switch value {
        case 1e12...: "\(decimals(value / 1e12, 2)) T"
        case 1e9...: "\(decimals(value / 1e9, 2)) G"
        case 1e6...: "\(decimals(value / 1e6, 1)) M"
        default: "\(decimals(value / 1e3, 1)) k"
        }
    }
}
