/// The treatment of a pattern's matches when text is cut by it, under the names of tokenizer files.
enum SplitBehavior: String, CaseIterable, Sendable {
    /// Each match is a piece.
    case isolated = "Isolated"
    /// Matches are dropped.
    case removed = "Removed"
    /// A match ends the piece before it.
    case mergedWithPrevious = "MergedWithPrevious"
    /// A match begins the piece after it.
    case mergedWithNext = "MergedWithNext"
    /// Matches that touch are one piece.
    case contiguous = "Contiguous"

    /// A stretch of text, matched by the pattern or between two matches.
    struct Stretch {
        var range: Range<Int>
        var isMatch: Bool
    }

    /// The pieces made of `stretches`, which cover the text in order. Empty ones are left out.
    func pieces(of stretches: [Stretch]) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        pieces.reserveCapacity(stretches.count)
        switch self {
        case .isolated:
            for stretch in stretches { pieces.append(stretch.range) }
        case .removed:
            for stretch in stretches where !stretch.isMatch { pieces.append(stretch.range) }
        case .contiguous:
            pieces = Self.merged(stretches) { previousIsMatch, isMatch in isMatch == previousIsMatch }
        case .mergedWithPrevious:
            pieces = Self.merged(stretches) { previousIsMatch, isMatch in isMatch && !previousIsMatch }
        case .mergedWithNext:
            var nextIsMatch = false
            for stretch in stretches.reversed() {
                if stretch.isMatch, !nextIsMatch, let next = pieces.popLast() {
                    pieces.append(stretch.range.lowerBound..<next.upperBound)
                } else {
                    pieces.append(stretch.range)
                }
                nextIsMatch = stretch.isMatch
            }
            pieces.reverse()
        }
        pieces.removeAll { $0.isEmpty }
        return pieces
    }

    /// The stretches, of which some are joined to the piece before them.
    /// - Parameter joins: Whether a stretch is joined, by whether the one before it and it itself are matches.
    private static func merged(
        _ stretches: [Stretch], _ joins: (_ previousIsMatch: Bool, _ isMatch: Bool) -> Bool
    ) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var previousIsMatch = false
        for stretch in stretches {
            if joins(previousIsMatch, stretch.isMatch), let last = pieces.popLast() {
                pieces.append(last.lowerBound..<stretch.range.upperBound)
            } else {
                pieces.append(stretch.range)
            }
            previousIsMatch = stretch.isMatch
        }
        return pieces
    }
}
