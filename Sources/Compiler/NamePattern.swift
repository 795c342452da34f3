/// A shell-style pattern for names: `*` stands for any characters, including dots, `?` for any one, `[0-3x]` for one of
/// a set and `[!…]` for one outside it. All other characters stand for themselves, and so does a bracket without its
/// partner.
public struct NamePattern: Hashable, Sendable, CustomStringConvertible {
    public let text: String
    private let parts: [Part]

    private enum Part: Hashable {
        case anything
        case one(of: [ClosedRange<Character>], inverted: Bool)

        func accepts(_ character: Character) -> Bool {
            switch self {
            case .anything: true
            case .one(let ranges, let inverted): ranges.contains { $0.contains(character) } != inverted
            }
        }
    }

    public var description: String { text }

    public init(_ text: String) {
        self.text = text
        var parts: [Part] = []
        var rest = Substring(text)
        while let character = rest.popFirst() {
            switch character {
            case "*": if parts.last != .anything { parts.append(.anything) }
            case "?": parts.append(.one(of: [], inverted: true))
            case "[":
                if let (set, after) = Self.set(rest) {
                    parts.append(set)
                    rest = after
                } else {
                    parts.append(.one(of: ["["..."["], inverted: false))
                }
            default: parts.append(.one(of: [character...character], inverted: false))
            }
        }
        self.parts = parts
    }

    /// The set after an opening bracket and the rest of the text; nil if the bracket is not closed. A closing bracket
    /// that comes first is an element of the set.
    private static func set(_ text: Substring) -> (set: Part, rest: Substring)? {
        var rest = text
        let inverted = rest.first == "!"
        if inverted { rest.removeFirst() }
        var ranges: [ClosedRange<Character>] = []
        while let first = rest.popFirst() {
            if first == "]" && !ranges.isEmpty { return (.one(of: ranges, inverted: inverted), rest) }
            let next = rest.dropFirst().first
            if rest.first == "-", let last = next, last != "]", first <= last {
                ranges.append(first...last)
                rest.removeFirst(2)
            } else {
                ranges.append(first...first)
            }
        }
        return nil
    }

    /// Whether the pattern stands for the whole name. Takes at most the product of both lengths in steps: only the last
    /// `*` is ever extended, because a later one can match everything that an earlier one could.
    public func matches(_ name: String) -> Bool {
        let name = Array(name)
        var (part, character) = (0, 0)
        var retry: (part: Int, character: Int)?
        while character < name.count {
            if part < parts.count, parts[part] == .anything {
                retry = (part + 1, character)
                part += 1
            } else if part < parts.count, parts[part].accepts(name[character]) {
                part += 1
                character += 1
            } else if let (after, start) = retry {
                retry = (after, start + 1)
                (part, character) = (after, start + 1)
            } else {
                return false
            }
        }
        return parts[part...].allSatisfy { $0 == .anything }
    }
}
