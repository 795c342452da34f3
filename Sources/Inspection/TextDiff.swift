/// The difference between two texts, line by line, such that taking the removed lines away and leaving the added ones
/// gives the second.
///
/// Where lines were both removed and added, those that say the same but for names of values stand in pairs, so that a
/// renumbered function reads well.
public struct TextDiff: Hashable, Sendable {
    public enum Change: Character, Hashable, Sendable {
        case kept = " ", removed = "-", added = "+"
    }

    public struct Line: Hashable, Sendable {
        public var change: Change
        public var text: String
    }

    public private(set) var lines: [Line] = []

    /// More pairs of lines than this are not compared; it bounds the time for texts that have little in common.
    private static let maxPairs = 4 << 20

    public init(from old: [String], to new: [String]) {
        var (removed, added) = (Set<Int>(), Set<Int>())
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): added.insert(offset)
            }
        }
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            let (firstOld, firstNew) = (i, j)
            while i < old.count, removed.contains(i) { i += 1 }
            while j < new.count, added.contains(j) { j += 1 }
            pair(old[firstOld..<i], new[firstNew..<j])
            // What neither removes nor adds is in both.
            while i < old.count, j < new.count, !removed.contains(i), !added.contains(j) {
                lines.append(Line(change: .kept, text: old[i]))
                (i, j) = (i + 1, j + 1)
            }
        }
    }

    public var isEmpty: Bool { !lines.contains { $0.change != .kept } }

    // MARK: Pairs

    /// Appends removed and added lines, aligned so that as many as possible that are alike stand one behind the other.
    private mutating func pair(_ old: ArraySlice<String>, _ new: ArraySlice<String>) {
        var (i, j) = (old.startIndex, new.startIndex)
        for (a, b) in Self.alikePairs(old.map(Self.withoutNames), new.map(Self.withoutNames)) {
            append(old[i..<old.startIndex + a], .removed)
            append(new[j..<new.startIndex + b], .added)
            (i, j) = (old.startIndex + a, new.startIndex + b)
            append(old[i...i], .removed)
            append(new[j...j], .added)
            (i, j) = (i + 1, j + 1)
        }
        append(old[i...], .removed)
        append(new[j...], .added)
    }

    private mutating func append(_ texts: ArraySlice<String>, _ change: Change) {
        lines += texts.map { Line(change: change, text: $0) }
    }

    /// A longest common subsequence, as pairs of places.
    private static func alikePairs(_ a: [String], _ b: [String]) -> [(Int, Int)] {
        guard !a.isEmpty, !b.isEmpty, a.count <= maxPairs / b.count else { return [] }
        let width = b.count + 1
        // Of a[i...] and b[j...], by rows from the end.
        var lengths = [Int32](repeating: 0, count: (a.count + 1) * width)
        for i in a.indices.reversed() {
            for j in b.indices.reversed() {
                lengths[i * width + j] =
                    a[i] == b[j]
                    ? lengths[(i + 1) * width + j + 1] + 1
                    : max(lengths[(i + 1) * width + j], lengths[i * width + j + 1])
            }
        }
        var pairs: [(Int, Int)] = []
        var (i, j) = (0, 0)
        while i < a.count, j < b.count {
            if a[i] == b[j] {
                pairs.append((i, j))
                (i, j) = (i + 1, j + 1)
            } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
                i += 1
            } else {
                j += 1
            }
        }
        return pairs
    }

    /// The line with every `%name` made `%`, and without its indentation: operations go into loops and out of them.
    private static func withoutNames(_ line: String) -> String {
        var result = ""
        var isName = false
        for character in line.utf8.drop(while: { $0 == UInt8(ascii: " ") }) {
            if isName, Self.isNameByte(character) { continue }
            isName = character == UInt8(ascii: "%")
            result.unicodeScalars.append(UnicodeScalar(character))
        }
        return result
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension TextDiff {
    /// Some lines that differ, and those around them, in the unified format.
    public struct Hunk: Hashable, Sendable {
        /// `@@ -7,11 +7,7 @@`, and how many lines are left out before it.
        public var heading: String
        /// Each with its sign in front.
        public var lines: [String]
        /// Whether an earlier one says the same but for names of values and numbers of recurrences.
        public var isRepeated: Bool
    }

    /// The differing lines and some around them; kept lines farther away are left out. One behind the other, headings and
    /// lines are what `patch` reads.
    public func hunks(context: Int = 3) -> [Hunk] {
        let changed = lines.indices.filter { lines[$0].change != .kept }
        var ranges: [Range<Int>] = []
        for index in changed {
            let range = max(0, index - context)..<min(lines.count, index + context + 1)
            if let last = ranges.last, range.lowerBound <= last.upperBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        var hunks: [Hunk] = []
        var known: Set<[String]> = []
        var (place, old, new) = (0, 1, 1)
        func advance(to end: Int) {
            for line in lines[place..<end] {
                if line.change != .added { old += 1 }
                if line.change != .removed { new += 1 }
            }
            place = end
        }
        for range in ranges {
            let skipped = range.lowerBound - place
            advance(to: range.lowerBound)
            let (firstOld, firstNew) = (old, new)
            advance(to: range.upperBound)
            let note = skipped > 0 ? "  \(skipped) lines unchanged" : ""
            // An empty side is counted from the line before it.
            let from = old > firstOld ? firstOld : firstOld - 1
            let to = new > firstNew ? firstNew : firstNew - 1
            let says = lines[range].map { line in
                let text = Self.withoutNames(line.text).replacing(/recurrence = [0-9]+/, with: "recurrence")
                return "\(line.change.rawValue)\(text)"
            }
            hunks.append(
                Hunk(
                    heading: "@@ -\(from),\(old - firstOld) +\(to),\(new - firstNew) @@\(note)",
                    lines: lines[range].map { "\($0.change.rawValue)\($0.text)" },
                    isRepeated: !known.insert(says).inserted))
        }
        return hunks
    }
}
