import Reports

/// A profile as a table for people.
struct ProfileTable {
    private let report: ProfileReport

    init(_ report: ProfileReport) { self.report = report }

    var text: String {
        [head, calls, kinds, dropped].filter { !$0.isEmpty }.map { $0 + "\n" }.joined(separator: "\n")
    }

    private var head: String {
        let head = report.model.text + "\n" + report.probe.text(range: false)
        guard let generation = report.generation else { return head }
        return head + "\n\(generation.tokens) tokens by \(generation.sampler.rawValue), "
            + "\(decimals(generation.tokensPerSecond, 1)) tokens/s"
    }

    private var calls: String {
        let rows = report.calls.map { calls in
            let rows = calls.minRows == calls.maxRows ? "\(calls.minRows)" : "\(calls.minRows)-\(calls.maxRows)"
            return [
                calls.name, "\(calls.count)", rows, decimals(calls.ms, 3),
                decimals(calls.ms / Double(calls.count), 3), percent(calls.share), percent(calls.floorShare),
            ]
        }
        let between = [
            "between calls", "", "", decimals(report.betweenCallsMs, 3), "",
            percent(report.wallMs > 0 ? report.betweenCallsMs / report.wallMs : 0), "",
        ]
        return TextTable(["call", "count", "rows", "ms", "ms each", "share", "of floor"], rows + [between]).text
    }

    private var kinds: String {
        var rows = report.kinds.map { kind in
            [
                kind.kind, "\(kind.count)", decimals(kind.ms, 3), percent(kind.share), decimals(kind.gbS, 1),
                kind.bytes > 0 ? percent(kind.floorShare) : "-",
            ]
        }
        let barriers = report.barriers
        rows.append(["barrier", "\(barriers.count)", decimals(barriers.ms, 3), percent(barriers.share), "", ""])
        return TextTable(["instruction", "count", "ms", "share", "GB/s", "of floor"], rows).text
    }

    private var dropped: String {
        report.droppedEvents == 0
            ? ""
            : "dropped \(report.droppedEvents) events of \(report.droppedEvents + report.events): the figures cover only the "
                + "first \(report.events) is in no figure; --max-events records more"
    }

    private func percent(_ share: Double) -> String { decimals(share * 100, 1) + "%" }
}
