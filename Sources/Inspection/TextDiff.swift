/// The line differences between two texts. The kept and added lines, in order, are the second text.
///
/// If lines were both removed and added in a place, those that differ only in the names of values are placed in pairs, so
/// that a renumbered function is easy to read.
public struct TextDiff: Hashable, Sendable {
    /// The kind of a line. The raw value is its sign in a listing.
    public enum Change: Character, Hashable, Sendable {
        case kept = " ", removed = "-", added = "+"
    }

    /// A line of either text.
    public struct Line: Hashable, Sendable {
        public var change: Change
        public var text: String
    }

    /// The lines of both texts, in order.
    public private(set) var lines: [Line] = []

    /// The maximum number of pairs of lines that are compared. It bounds the time for texts that have little in common.
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
            // A line that is neither removed nor added is in both texts.
            while i < old.count, j < new.count, !removed.contains(i), !added.contains(j) {
                lines.append(Line(change: .kept, text: old[i]))
                (i, j) = (i + 1, j + 1)
            }
        }
    }

    /// Whether the texts are equal.
    public var isEmpty: Bool { !lines.contains { $0.change != .kept } }

    // MARK: Pairs

    /// Appends removed and added lines. The maximum number of similar lines is placed in pairs, the removed one first.
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

    /// A longest common subsequence, as pairs of indices.
    private static func alikePairs(_ a: [String], _ b: [String]) -> [(Int, Int)] {
        guard !a.isEmpty, !b.isEmpty, a.count <= maxPairs / b.count else { return [] }
        let width = b.count + 1
        // The entry (i, j) is the length for a[i...] and b[j...]. The rows are computed from the last one to the first.
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

    /// The line with every `%name` replaced by `%`, and without indentation, because operations move into loops and out
    /// of them.
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
    /// A group of neighboring differences and the lines around them, in the unified format.
    public struct Hunk: Hashable, Sendable {
        /// The heading `@@ -7,11 +7,7 @@`, and the number of lines that are left out before it.
        public var heading: String
        /// The lines, each with its sign in front.
        public var lines: [String]
        /// Whether an earlier group differs only in the names of values and the numbers of recurrences.
        public var isRepeated: Bool
    }

    /// The differences with the lines around them; kept lines farther away are left out. Headings and lines, one after
    /// another, form an input of `patch`.
    /// - Parameter context: the number of kept lines around each difference.
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
            // The position of an empty side is that of the line before it.
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
