extension Repetition {
    /// The number of operations in all copies.
    private var covered: Int { period * count }

    /// The minimum length of a copy. A shorter one is not a recurrence, and folding it hides more than it shows.
    private static let minPeriod = 4

    /// The repetition that covers the largest part of a list; nil if nothing repeats itself.
    /// - Parameter shapes: a number for each element. Two elements are equal if their numbers are.
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
                // Periods increase, so among repetitions that cover equally much the shortest period remains. It is the
                // recurrence; the others are multiples of it.
                if found.count > 1, found.covered > best?.covered ?? 0 { best = found }
                start += length + 1
            }
        }
        return best
    }
}
