extension Repetition {
    /// The operations of all copies.
    private var covered: Int { period * count }

    /// Fewer operations than this are no recurrence, and folding them hides more than it shows.
    private static let minPeriod = 4

    /// The run of equal stretches that covers most of a list, or nil when nothing repeats itself.
    /// - Parameter shapes: what has to be equal of each element.
    static func longest(in shapes: [Int]) -> Repetition? {
        var best: Repetition?
        for period in minPeriod...max(minPeriod, shapes.count / 2) {
            var start = 0
            while start + period < shapes.count {
                var length = 0
                while start + period + length < shapes.count,
                    shapes[start + length] == shapes[start + period + length]
                { length += 1 }
                let found = Repetition(start: start, period: period, count: length / period + 1)
                // Of two that cover the same the shorter period is the recurrence, the other some of them.
                if found.count > 1, found.covered > best?.covered ?? 0 { best = found }
                start += length + 1
            }
        }
        return best
    }
}
