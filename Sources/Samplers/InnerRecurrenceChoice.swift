/// The default r' of the lossless wavefront, chosen from the times of its steps on one machine.
///
/// With right drafts a token costs one step: prelude, r' recurrences of the core and coda, over ⌈r / r'⌉ rows. As long as
/// those rows take as long as one row, each halving of r' shortens the step. So the r' of the shortest step is the
/// smallest whose rows the machine carries at about the price of one.
public enum InnerRecurrenceChoice {
    /// The time of one step.
    public struct Timing: Codable, Hashable, Sendable {
        public var innerRecurrence: Int
        /// ⌈r / r'⌉.
        public var rows: Int
        /// The time of a step of all rows, and of one row alone with the same recurrences.
        public var seconds: Double
        public var singleRowSeconds: Double

        public init(innerRecurrence: Int, rows: Int, seconds: Double, singleRowSeconds: Double) {
            self.innerRecurrence = innerRecurrence
            self.rows = rows
            self.seconds = seconds
            self.singleRowSeconds = singleRowSeconds
        }
    }

    /// Times that differ by this factor count as equal: in eight runs on a busy machine, six measured the same step
    /// within 5% of the median and all within 7%. Of equal times the one with the largest r' is chosen, because deeper
    /// drafts are right more often.
    static let tolerance = 1.05

    /// Chooses among the powers of two below r, and r, in ascending order. It measures no r' at which one row alone
    /// takes longer than the shortest step.
    /// - Parameters:
    ///   - recurrence: r, at least 1.
    ///   - maxRows: the maximum number of rows in a call, at least 1.
    ///   - time: the seconds of a call of some rows with some recurrences.
    public static func choose(
        recurrence: Int, maxRows: Int, time: (_ rows: Int, _ recurrences: Int) throws -> Double
    ) rethrows -> Timing {
        var timings: [Timing] = []
        var shortest = Double.infinity
        for inner in candidates(recurrence, maxRows: maxRows) {
            let single = try time(1, inner)
            if single > shortest * tolerance { break }
            let rows = (recurrence + inner - 1) / inner
            let seconds = rows == 1 ? single : try time(rows, inner)
            timings.append(
                Timing(innerRecurrence: inner, rows: rows, seconds: seconds, singleRowSeconds: single))
            shortest = min(shortest, seconds)
        }
        // The first candidate is always measured.
        return timings.last { $0.seconds <= shortest * tolerance } ?? timings[0]
    }

    private static func candidates(_ recurrence: Int, maxRows: Int) -> [Int] {
        let powers = sequence(first: 1) { $0 * 2 }.prefix { $0 < recurrence }
        return powers.filter { (recurrence + $0 - 1) / $0 <= maxRows } + [recurrence]
    }
}
