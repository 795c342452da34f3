import Foundation
import Reports

/// A benchmark report as tables for people.
struct BenchTable {
    private let report: BenchReport

    init(_ report: BenchReport) { self.report = report }

    var text: String {
        let parts = [probe, matrices, functions, rates, lossless, tapes, shares, report.probe.driftWarning ?? ""]
        return parts.filter { !$0.isEmpty }.map { $0 + "\n" }.joined(separator: "\n")
    }

    private var probe: String {
        """
        \(report.model.text)
        \(report.probe.text(range: true))
        floor: the larger of bytes over bandwidth and operations over peak; x: time over floor
        """
    }

    private var matrices: String {
        table(
            ["matrix", "format", "n", "k", "rows", "ms", "floor ms", "x", "GB/s", "TFLOP/s"],
            report.matrices.map {
                [
                    $0.name, $0.format.rawValue, "\($0.n)", "\($0.k)", "\($0.rows)",
                    decimals($0.ms, 3), decimals($0.floorMs, 3), ratio($0.ms, $0.floorMs),
                    decimals(Double($0.bytes) / $0.ms / 1e6, 1), decimals($0.operations / $0.ms / 1e9, 3),
                ]
            })
    }

    private var functions: String {
        table(
            ["function", "recurrences", "rows", "context", "ms", "floor ms", "x", "GB/s", "TFLOP/s"],
            report.functions.map {
                [
                    $0.name, "\($0.recurrence)", "\($0.rows)", "\($0.context)", decimals($0.ms, 3),
                    decimals($0.floorMs, 3), ratio($0.ms, $0.floorMs), decimals(Double($0.bytes) / $0.ms / 1e6, 1),
                    decimals($0.operations / $0.ms / 1e9, 3),
                ]
            })
    }

    private var rates: String {
        guard let autoregressive = report.autoregressive else { return "" }
        var rows = [
            [
                "autoregressive", "\(autoregressive.recurrence)", "1", decimals(autoregressive.tokensPerSecond, 3),
                "1.00",
            ]
        ]
        rows += report.diffusion.map {
            ["diffusion", "\($0.innerRecurrence)", "\($0.rows)", decimals($0.tokensPerSecond, 3), decimals($0.gain, 2)]
        }
        let rates = table(["sampler", "recurrences", "rows", "tokens/s", "gain"], rows)
        guard let prefill = report.prefill else { return rates }
        return rates + "\nprefill of \(prefill.rows) tokens with \(prefill.recurrence) recurrences: "
            + "\(decimals(prefill.ms / 1e3, 2)) s, \(decimals(prefill.tokensPerSecond, 1)) tokens/s"
    }

    private var lossless: String {
        guard !report.lossless.isEmpty else { return "" }
        let waves = table(
            [
                "r'", "corrected", "wrong", "sequences", "rows", "steps/token", "ms/step", "tokens/s", "gain",
                "by bytes", "by floor", "host",
            ],
            report.lossless.map {
                [
                    "\($0.innerRecurrence)", $0.correction.rawValue, "\($0.wrongDrafts)%", "\($0.sequences)",
                    "\($0.rows)", decimals($0.stepsPerToken, 2), decimals($0.msPerStep, 3),
                    decimals($0.tokensPerSecond, 2), decimals($0.gain, 2), decimals($0.gainByBytes, 2),
                    decimals($0.gainByFloor, 2), decimals($0.hostShare * 100, 2) + "%",
                ]
            })
        return waves
            + "\nby bytes, by floor: the gain that counting allows with right drafts; host: time outside the executor"
    }

    private var tapes: String {
        if report.tapes.isEmpty { return "" }
        let rows = report.tapes.map {
            [
                $0.label, "\($0.instructions)", "\($0.barriers)", "\($0.arenaBytesPerRow)",
                "\($0.unplannedBytesPerRow)",
            ]
        }
        let tapes = table(["tape", "instructions", "barriers", "arena bytes/row", "unplanned"], rows)
        guard let overhead = report.overhead else { return tapes }
        return tapes + "\nan instruction costs \(decimals(overhead.instructionUs, 2)) us in addition to its work, "
            + "a barrier \(decimals(overhead.barrierUs, 2)) us"
    }

    private var shares: String {
        report.shares.map { shares in
            table(
                ["\(shares.name) of \(shares.rows) rows", "count", "ms", "share"],
                (shares.kinds + [shares.barriers]).map {
                    [$0.kind, "\($0.executions)", decimals($0.ms, 3), decimals($0.share * 100, 1) + "%"]
                })
        }
        .joined(separator: "\n\n")
    }

    private func ratio(_ time: Double, _ floor: Double) -> String { floor > 0 ? decimals(time / floor, 2) : "-" }

    private func table(_ header: [String], _ rows: [[String]]) -> String { TextTable(header, rows).text }
}
