import Reports

// The lines of text with which the tables of several commands begin.

extension BenchReport.Probe {
    /// The machine in one line.
    /// - Parameter range: Whether to add the minimum and the maximum of the probed bandwidths.
    func text(range: Bool) -> String {
        let spread = range ? " (\(decimals(readGbSLeast, 1)) to \(decimals(readGbSMost, 1)))" : ""
        let peaks = peaks.map { "\($0.product) \(decimals($0.tflops, 3))" }.joined(separator: ", ")
        return "reads \(decimals(readGbS, 1)) GB/s\(spread), multiplies \(peaks) TFLOP/s; \(threads) threads, "
            + instructionSet
    }
}

extension BenchReport.Model {
    /// The model in one line.
    var text: String {
        "\(name): \(megabytes(bytes)), \(weights.rawValue) weights, \(cacheFormat.rawValue) caches"
    }
}

extension CompileReport {
    /// The plan in one line.
    var text: String {
        let stored = hasWeights ? "\(settings.weights.rawValue) weights" : "no weights"
        return "\(plan): \(megabytes(bytes)), \(stored), \(functions.count) functions, in \(decimals(seconds, 1)) s"
    }
}
