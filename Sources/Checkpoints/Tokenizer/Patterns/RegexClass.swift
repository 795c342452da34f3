/// The reading of a class such as `[a-z&&[^m]]`: ranges, sets, names, classes inside it, and intersections.
extension RegexScanner {
    /// The set that a class stands for. The class begins at the position, which goes past its end.
    mutating func characterClass() throws(RegexDialect.Unsupported) -> RegexCharacterSet {
        try characterClass(depth: 0)
    }

    /// The maximum nesting, so that a hostile file cannot exhaust the stack.
    private static let maxDepth = 32

    private mutating func characterClass(depth: Int) throws(RegexDialect.Unsupported) -> RegexCharacterSet {
        guard depth < Self.maxDepth else { throw .init(construct: "a class nested more than \(Self.maxDepth) deep") }
        position += 1
        let isNegated = skip("^")
        var intersected: [RegexCharacterSet] = []
        var members: [RegexCharacterSet] = []
        // A bracket that would make the class empty is a character if another one can end the class.
        if peek() == "]", scalars[(position + 1)...].contains("]") {
            position += 1
            members.append(Self.character("]"))
        }
        while let scalar = peek() {
            if skip("]") {
                let last = RegexCharacterSet.joined(members)
                let set = intersected.isEmpty ? last : .intersection(intersected + [last])
                return isNegated ? set.negated : set
            } else if let set = try bracketName() {
                members.append(set)
            } else if scalar == "[" {
                members.append(try characterClass(depth: depth + 1))
            } else if skip("&&") {
                intersected.append(.joined(members))
                members = []
            } else if scalar == "\\", let set = try setEscape(inClass: true) {
                members.append(set)
            } else {
                members.append(try characterOrRange())
            }
        }
        throw .init(message: "a class does not end")
    }

    /// A set such as `[:alpha:]`.
    private mutating func bracketName() throws(RegexDialect.Unsupported) -> RegexCharacterSet? {
        let start = position
        guard skip("[:"), let name = text(upTo: ":"), skip("]") else {
            position = start
            return nil
        }
        let isNegated = name.hasPrefix("^")
        guard let set = RegexCharacterSet.bracketNames[String(isNegated ? name.dropFirst() : name[...])] else {
            throw .init(construct: "[:\(name):]")
        }
        return isNegated ? set.negated : set
    }

    private mutating func characterOrRange() throws(RegexDialect.Unsupported) -> RegexCharacterSet {
        let first = try character()
        // A hyphen is a character at the end of a class and before an intersection.
        guard peek() == "-", let end = peek(1), end != "]", !(end == "&" && peek(2) == "&") else {
            return Self.character(first)
        }
        // Oniguruma forgets the beginning of such a range.
        if end == "[" { throw .init(construct: "a class at the end of a range") }
        position += 1
        if peek() == "\\", try setEscape(inClass: true) != nil { throw .init(construct: "a set at the end of a range") }
        let last = try character()
        guard first <= last else { throw .init(message: "a range in a class is out of order") }
        let isClosed = !(first.value...last.value).contains { Unicode.Scalar($0).map(Self.hasCases) ?? false }
        let text = "\(Self.literal(first))-\(Self.literal(last))"
        return .items([.init(text: text, isClosedUnderCase: isClosed)])
    }

    private mutating func character() throws(RegexDialect.Unsupported) -> Unicode.Scalar {
        guard peek() == "\\" else { return next() ?? "\u{FFFD}" }
        guard peek(1) != "b" else {
            position += 2
            return "\u{8}"
        }
        return try characterEscape(in: " inside a class")
    }

    private static func character(_ scalar: Unicode.Scalar) -> RegexCharacterSet {
        hasCases(scalar) ? .open(literal(scalar)) : .closed(literal(scalar))
    }

    private static func hasCases(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        return properties.changesWhenCaseMapped || properties.changesWhenCaseFolded
    }

    /// A character that stands for itself, inside a class and outside.
    static func literal(_ scalar: Unicode.Scalar) -> String {
        let standsForItself = !scalar.isASCII || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        return standsForItself ? String(scalar) : "\\x{\(String(scalar.value, radix: 16))}"
    }
}
