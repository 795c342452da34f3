/// The filter `pprint`: Python's `pprint.pformat` with lines of 80 characters.
struct PrettyPrinter {
    private let evaluator: TemplateEvaluator
    private var result = ""
    private static let width = 80

    static func text(of value: RenderValue, _ evaluator: TemplateEvaluator) throws -> RenderValue {
        var printer = PrettyPrinter(evaluator: evaluator)
        try printer.write(value, indent: 0, allowance: 0, level: 0)
        return .string(printer.result)
    }

    private init(evaluator: TemplateEvaluator) { self.evaluator = evaluator }

    private mutating func append(_ text: String) throws { try evaluator.append(text, to: &result) }

    /// The `repr` of a value, but with the keys of dictionaries in order.
    private func representation(of value: RenderValue) throws -> String {
        switch value {
        case .dictionary(let dictionary):
            let entries = try sorted(dictionary).map { entry in
                "\(try representation(of: entry.key)): \(try representation(of: entry.value))"
            }
            return "{" + entries.joined(separator: ", ") + "}"
        case .sequence(let kind, let items) where kind.isGrowing:
            let parts = try items.elements.map(representation(of:)).joined(separator: ", ")
            return kind.type == .list ? "[\(parts)]" : "(\(parts)\(items.elements.count == 1 ? ",)" : ")")"
        default: return try evaluator.representation(of: value)
        }
    }

    /// Entries by key. Keys that cannot be compared are ordered by their types.
    private func sorted(_ dictionary: RenderDictionary) throws -> [(key: RenderValue, value: RenderValue)] {
        try dictionary.entries.enumerated().sorted { left, right in
            let (a, b) = (left.element.key, right.element.key)
            try evaluator.budget.visit()
            do {
                if try TemplateOperators.isLess(a, b, evaluator) { return true }
                if try TemplateOperators.isLess(b, a, evaluator) { return false }
            } catch let fault as TemplateFault {
                // Only a comparison that is impossible is replaced, not one that the budget ends.
                try evaluator.budget.visit()
                let (first, second) = (Self.typeRank(a), Self.typeRank(b))
                if first == second { throw fault }
                return first < second
            }
            return left.offset < right.offset
        }.map(\.element)
    }

    /// The place of a key's type among Python's names of types: NoneType, bool, float, int, str, tuple.
    private static func typeRank(_ key: RenderValue) -> Int {
        switch key {
        case .none: 0
        case .boolean: 1
        case .float: 2
        case .integer: 3
        case .string, .markup: 4
        case .sequence: 5
        case .undefined, .stream, .dictionary, .namespace, .loop, .function: 6
        }
    }

    private mutating func write(_ value: RenderValue, indent: Int, allowance: Int, level: Int) throws {
        let text = try representation(of: value)
        guard text.unicodeScalars.count > Self.width - indent - allowance else { return try append(text) }
        switch value {
        case .dictionary(let dictionary):
            try append("{")
            let entries = try sorted(dictionary)
            for (index, entry) in entries.enumerated() {
                if index > 0 { try append(",\n" + String(repeating: " ", count: indent + 1)) }
                let key = try representation(of: entry.key)
                try append(key + ": ")
                try write(
                    entry.value, indent: indent + 1 + key.unicodeScalars.count + 2,
                    allowance: index == entries.count - 1 ? allowance + 1 : 1, level: level + 1)
            }
            try append("}")
        case .sequence(let kind, let items) where kind.type == .list || isTuple(kind):
            let close = kind.type == .list ? "]" : items.elements.count == 1 ? ",)" : ")"
            try append(kind.type == .list ? "[" : "(")
            for (index, element) in items.elements.enumerated() {
                if index > 0 { try append(",\n" + String(repeating: " ", count: indent + 1)) }
                let isLast = index == items.elements.count - 1
                try write(
                    element, indent: indent + 1, allowance: isLast ? allowance + close.count : 1, level: level + 1)
            }
            try append(close)
        case .string(let string):
            try write(string: string, indent: indent, allowance: allowance, isOutermost: level == 0)
        default: try append(text)
        }
    }

    /// Whether a sequence is an ordinary tuple: those of `groupby` stay in one line.
    private func isTuple(_ kind: RenderValue.SequenceKind) -> Bool {
        if case .tuple = kind { true } else { false }
    }

    /// A long text as several literals below each other.
    private mutating func write(string: String, indent: Int, allowance: Int, isOutermost: Bool) throws {
        guard !string.isEmpty else { return try append("''") }
        let indent = indent + (isOutermost ? 1 : 0)
        let allowance = allowance + (isOutermost ? 1 : 0)
        let lines = PythonText.lines(string, keepEnds: true)
        var chunks: [String] = []
        for (index, line) in lines.enumerated() {
            let isLast = index == lines.count - 1
            let room = Self.width - indent
            let text = PythonText.quoted(line)
            if text.unicodeScalars.count <= room - (isLast ? allowance : 0) {
                chunks.append(text)
            } else {
                chunks += try parts(of: line, room: room, lastRoom: room - (isLast ? allowance : 0))
            }
        }
        if chunks.count == 1 { return try append(PythonText.quoted(lines[lines.count - 1])) }
        let separator = "\n" + String(repeating: " ", count: indent)
        try append((isOutermost ? "(" : "") + chunks.joined(separator: separator) + (isOutermost ? ")" : ""))
    }

    /// The literals of one line, broken behind blanks.
    private func parts(of line: String, room: Int, lastRoom: Int) throws -> [String] {
        var words: [String.UnicodeScalarView] = []
        var isAfterBlank = true
        for scalar in line.unicodeScalars {
            let isBlank = PythonText.isSpace(scalar)
            if words.isEmpty || (isAfterBlank && !isBlank) { words.append(String.UnicodeScalarView()) }
            words[words.count - 1].append(scalar)
            isAfterBlank = isBlank
        }
        var chunks: [String] = []
        var current = ""
        for (index, word) in words.enumerated() {
            let candidate = current + String(word)
            try evaluator.budget.visit(text: candidate)
            let isTooLong =
                PythonText.quoted(candidate).unicodeScalars.count > (index == words.count - 1 ? lastRoom : room)
            if isTooLong, !current.isEmpty { chunks.append(PythonText.quoted(current)) }
            current = isTooLong ? String(word) : candidate
        }
        return current.isEmpty ? chunks : chunks + [PythonText.quoted(current)]
    }
}
