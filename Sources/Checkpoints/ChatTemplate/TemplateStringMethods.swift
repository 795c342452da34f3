/// The methods of Python's strings. `encode` is missing, because templates have no bytes.
enum TemplateStringMethods {
    typealias Body = @Sendable (TemplateEvaluator, String, RenderArguments) throws -> RenderValue

    static func method(_ name: String, of text: String) throws -> RenderFunction? {
        guard let method = table[name] else {
            // A method of Python that is not supported must not look like a missing attribute.
            guard name != "encode" else { throw TemplateFault("the method 'encode' of a string is not supported") }
            return nil
        }
        return RenderFunction(name) { evaluator, arguments in
            try evaluator.budget.visit(text: text)
            return try method(evaluator, text, arguments)
        }
    }

    /// The body of a method `name` with fixed parameters.
    private static func with(
        _ parameters: [String] = [], required: Int = 0,
        _ body: @escaping @Sendable (TemplateEvaluator, String, [RenderValue?]) throws -> RenderValue
    ) -> Body {
        { evaluator, text, arguments in
            try body(evaluator, text, arguments.bind(parameters, required: required, of: "the string's method"))
        }
    }

    private static let table: [String: Body] =
        conversions.merging(searches) { first, _ in first }.merging(parts) { first, _ in first }
        .merging(classes) { first, _ in first }

    // MARK: Methods that return the text changed

    private static let conversions: [String: Body] = {
        var methods: [String: Body] = [:]
        let maps: [(String, @Sendable (String) -> String)] = [
            ("upper", PythonText.upper), ("lower", PythonText.lower), ("title", PythonText.title),
            ("capitalize", PythonText.capitalize), ("swapcase", PythonText.swappingCase),
            ("casefold", PythonText.caseFolded),
        ]
        for (name, map) in maps { methods[name] = with { evaluator, text, _ in try evaluator.made(map(text)) } }
        for (name, side) in [("strip", PythonText.Side.both), ("lstrip", .left), ("rstrip", .right)] {
            methods[name] = with(["chars"]) { evaluator, text, arguments in
                let characters = try evaluator.optionalString(arguments[0], "chars")
                return try evaluator.made(PythonText.strip(text, side, characters: characters))
            }
        }
        for (name, side) in [("center", PythonText.Side.both), ("rjust", .left), ("ljust", .right)] {
            methods[name] = with(["width", "fillchar"], required: 1) { evaluator, text, arguments in
                let fill = try arguments[1].map { try evaluator.string($0, "fillchar") } ?? " "
                guard let scalar = fill.unicodeScalars.first, fill.unicodeScalars.count == 1 else {
                    throw TemplateFault("'fillchar' must be one character")
                }
                let width = try evaluator.width(arguments[0], fill: fill)
                return try evaluator.made(PythonText.padded(text, to: width, with: scalar, side))
            }
        }
        methods["zfill"] = with(["width"], required: 1) { evaluator, text, arguments in
            try evaluator.made(PythonText.zeroFilled(text, to: evaluator.width(arguments[0], fill: "0")))
        }
        methods["expandtabs"] = with(["tabsize"]) { evaluator, text, arguments in
            let size = try arguments[0].map { try evaluator.integer($0, "tabsize") } ?? 8
            guard size <= 1000 else { throw TemplateFault("a tab is wider than 1000 blanks") }
            try evaluator.budget.make(bytes: text.utf8.count(where: { $0 == 0x09 }) * max(0, size))
            return try evaluator.made(PythonText.expandingTabs(text, size: size))
        }
        methods["replace"] = with(["old", "new", "count"], required: 2) { try $0.replace($1, $2) }
        methods["removeprefix"] = with(["prefix"], required: 1) { evaluator, text, arguments in
            let prefix = try evaluator.string(arguments[0] ?? .none, "prefix")
            guard PythonText.hasPrefix(text, prefix) else { return .string(text) }
            return try evaluator.made(String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self))
        }
        methods["removesuffix"] = with(["suffix"], required: 1) { evaluator, text, arguments in
            let suffix = try evaluator.string(arguments[0] ?? .none, "suffix")
            guard PythonText.hasSuffix(text, suffix) else { return .string(text) }
            return try evaluator.made(String(decoding: text.utf8.dropLast(suffix.utf8.count), as: UTF8.self))
        }
        methods["format"] = { evaluator, text, arguments in try StringFormat.text(text, arguments, evaluator) }
        methods["format_map"] = with(["mapping"], required: 1) { evaluator, text, arguments in
            guard case .dictionary(let dictionary) = arguments[0] ?? .none else {
                throw TemplateFault("'format_map' needs a dictionary")
            }
            let named = try dictionary.entries.map { (name: try evaluator.text(of: $0.key), value: $0.value) }
            return try StringFormat.text(text, RenderArguments(named: named), evaluator)
        }
        methods["translate"] = with(["table"], required: 1) { evaluator, text, arguments in
            try translate(evaluator, text, arguments[0] ?? .none)
        }
        methods["maketrans"] = with(["x", "y", "z"], required: 1) { evaluator, _, arguments in
            try table(evaluator, arguments)
        }
        return methods
    }()

    private static func translate(
        _ evaluator: TemplateEvaluator, _ text: String, _ table: RenderValue
    ) throws -> RenderValue {
        var result = ""
        for scalar in text.unicodeScalars {
            let replacement: RenderValue
            switch table {
            case .dictionary(let dictionary):
                replacement = dictionary[.integer(Int(scalar.value))] ?? .string(String(Character(scalar)))
            default: throw TemplateFault("'translate' needs a dictionary, not \(table.typeName)")
            }
            switch replacement {
            case .none: break
            case .integer(let code):
                guard let code = UInt32(exactly: code), let other = Unicode.Scalar(code) else {
                    throw TemplateFault("'translate' is given \(code), which is no character")
                }
                try evaluator.append(String(Character(other)), to: &result)
            default: try evaluator.append(evaluator.string(replacement, "a replacement"), to: &result)
            }
        }
        return .string(result)
    }

    /// `str.maketrans`: a dictionary for `translate` from code points.
    private static func table(_ evaluator: TemplateEvaluator, _ arguments: [RenderValue?]) throws -> RenderValue {
        func code(_ scalar: Unicode.Scalar) -> RenderValue { .integer(Int(scalar.value)) }
        var pairs: [(key: RenderValue, value: RenderValue)] = []
        if let to = arguments[1] {
            let from = try evaluator.string(arguments[0] ?? .none, "x").unicodeScalars
            let to = try evaluator.string(to, "y").unicodeScalars
            guard from.count == to.count else { throw TemplateFault("'maketrans' needs texts of the same length") }
            pairs = zip(from, to).map { (code($0), code($1)) }
            let dropped = try arguments[2].map { try evaluator.string($0, "z") } ?? ""
            pairs += dropped.unicodeScalars.map { (code($0), .none) }
        } else {
            guard case .dictionary(let dictionary) = arguments[0] ?? .none else {
                throw TemplateFault("'maketrans' needs a dictionary, or two texts")
            }
            pairs = try dictionary.entries.map { entry in
                guard case .string(let text) = entry.key else { return entry }
                guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
                    throw TemplateFault("the keys given to 'maketrans' must be single characters")
                }
                return (code(scalar), entry.value)
            }
        }
        return .dictionary(try RenderDictionary(pairs, budget: evaluator.budget))
    }

    // MARK: Methods that search

    private static let searches: [String: Body] = {
        var methods: [String: Body] = [:]
        for (name, fits) in [("startswith", PythonText.hasPrefix), ("endswith", PythonText.hasSuffix)]
            as [(String, @Sendable (String, String) -> Bool)]
        {
            methods[name] = with(["affix", "start", "end"], required: 1) { evaluator, text, arguments in
                guard let (part, _) = try part(evaluator, text, arguments[1], arguments[2]) else {
                    return .boolean(false)
                }
                let affix = arguments[0] ?? .none
                guard case .sequence(let kind, let choices) = affix, kind.type == .tuple else {
                    return .boolean(fits(part, try evaluator.string(affix, "affix")))
                }
                return .boolean(try choices.elements.contains { fits(part, try evaluator.string($0, "affix")) })
            }
        }
        for name in ["find", "rfind", "index", "rindex"] {
            let isFromRight = name.hasPrefix("r")
            methods[name] = with(["sub", "start", "end"], required: 1) { evaluator, text, arguments in
                let sub = try evaluator.string(arguments[0] ?? .none, "sub")
                if let (part, offset) = try part(evaluator, text, arguments[1], arguments[2]),
                    let position = position(of: sub, in: part, isFromRight: isFromRight)
                {
                    return .integer(offset + position)
                }
                guard name.hasSuffix("find") else { throw TemplateFault("the text is not in the string") }
                return .integer(-1)
            }
        }
        methods["count"] = with(["sub", "start", "end"], required: 1) { evaluator, text, arguments in
            let sub = try evaluator.string(arguments[0] ?? .none, "sub")
            guard let (part, _) = try part(evaluator, text, arguments[1], arguments[2]) else { return .integer(0) }
            return .integer(PythonText.replacements(of: sub, in: part, limit: nil))
        }
        return methods
    }()

    private static func position(of sub: String, in text: String, isFromRight: Bool) -> Int? {
        if sub.isEmpty { return isFromRight ? text.unicodeScalars.count : 0 }
        let parts = PythonText.split(text, by: sub, limit: 1, fromRight: isFromRight)
        return parts.count == 2 ? parts[0].unicodeScalars.count : nil
    }

    /// The part of `text` between two positions, and where it starts; nil if the positions leave none, not even an
    /// empty one.
    private static func part(
        _ evaluator: TemplateEvaluator, _ text: String, _ start: RenderValue?, _ end: RenderValue?
    ) throws -> (text: String, offset: Int)? {
        guard start != nil || end != nil else { return (text, 0) }
        let scalars = Array(text.unicodeScalars)
        guard let range = try evaluator.bounds(start, end, count: scalars.count) else { return nil }
        return (PythonText.string(scalars[range]), range.lowerBound)
    }

    // MARK: Methods that split and join

    private static let parts: [String: Body] = {
        var methods: [String: Body] = [:]
        for fromRight in [false, true] {
            methods[fromRight ? "rsplit" : "split"] = with(["sep", "maxsplit"]) { evaluator, text, arguments in
                let limit = try arguments[1].map { try evaluator.integer($0, "maxsplit") } ?? -1
                try evaluator.budget.make(bytes: text.utf8.count)
                if evaluator.isNone(arguments[0]) {
                    return try evaluator.list(
                        fromRight
                            ? PythonText.wordsFromRight(text, limit: limit) : PythonText.words(text, limit: limit))
                }
                let separator = try separator(evaluator, arguments[0])
                return try evaluator.list(PythonText.split(text, by: separator, limit: limit, fromRight: fromRight))
            }
            methods[fromRight ? "rpartition" : "partition"] = with(["sep"], required: 1) {
                evaluator, text, arguments in
                let separator = try separator(evaluator, arguments[0])
                let parts = PythonText.split(text, by: separator, limit: 1, fromRight: fromRight)
                let whole = fromRight ? ["", "", text] : [text, "", ""]
                let three = parts.count == 2 ? [parts[0], separator, parts[1]] : whole
                return try evaluator.tuple(three.map { try evaluator.made($0) })
            }
        }
        methods["splitlines"] = with(["keepends"]) { evaluator, text, arguments in
            try evaluator.list(PythonText.lines(text, keepEnds: arguments[0]?.isTrue ?? false))
        }
        methods["join"] = with(["iterable"], required: 1) { evaluator, text, arguments in
            var result = ""
            for (index, element) in try evaluator.elements(of: arguments[0] ?? .none).enumerated() {
                if index > 0 { try evaluator.append(text, to: &result) }
                try evaluator.append(evaluator.string(element, "an element of 'join'"), to: &result)
            }
            return .string(result)
        }
        return methods
    }()

    private static func separator(_ evaluator: TemplateEvaluator, _ value: RenderValue?) throws -> String {
        let text = try evaluator.string(value ?? .none, "sep")
        guard !text.isEmpty else { throw TemplateFault("the separator is empty") }
        return text
    }

    // MARK: Methods that ask

    private static let classes: [String: Body] = {
        var methods: [String: Body] = [:]
        let ofEach: [(String, @Sendable (Unicode.Scalar) -> Bool)] = [
            ("isspace", { PythonText.isSpace($0) }),
            ("isdecimal", { $0.properties.numericType == .decimal }),
            ("isdigit", { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }),
            ("isnumeric", { $0.properties.numericType != nil }),
            ("isalpha", { PythonText.isLetter($0) }),
            ("isalnum", { PythonText.isAlphanumeric($0) }),
        ]
        for (name, holds) in ofEach {
            methods[name] = with { _, text, _ in .boolean(!text.isEmpty && text.unicodeScalars.allSatisfy(holds)) }
        }
        let ofTexts: [(String, @Sendable (String) -> Bool)] = [
            ("isupper", { text in PythonText.isCased(text) { $0.properties.isUppercase } }),
            ("islower", { text in PythonText.isCased(text) { $0.properties.isLowercase } }),
            ("istitle", PythonText.isTitle),
            ("isascii", { $0.utf8.allSatisfy { $0 < 0x80 } }),
            ("isprintable", { $0.unicodeScalars.allSatisfy(PythonText.isPrintable) }),
            (
                "isidentifier",
                { text in
                    guard let first = text.unicodeScalars.first else { return false }
                    return (first == "_" || first.properties.isXIDStart)
                        && text.unicodeScalars.allSatisfy(\.properties.isXIDContinue)
                }
            ),
        ]
        for (name, holds) in ofTexts { methods[name] = with { _, text, _ in .boolean(holds(text)) } }
        return methods
    }()
}

extension PythonText {
    /// Whether `text` has letters with case, and `holds` for all of them.
    static func isCased(_ text: String, _ holds: (Unicode.Scalar) -> Bool) -> Bool {
        let cased = text.unicodeScalars.filter(\.properties.isCased)
        return !cased.isEmpty && cased.allSatisfy(holds)
    }
}

extension TemplateEvaluator {
    func optionalString(_ value: RenderValue?, _ name: String) throws -> String? {
        guard let value, !isNone(value) else { return nil }
        return try string(value, name)
    }

    /// The argument `width` of a method that fills up, charged to the budget.
    fileprivate func width(_ value: RenderValue?, fill: String) throws -> Int {
        let width = max(0, try integer(value ?? .none, "width"))
        let size = width.multipliedReportingOverflow(by: fill.utf8.count)
        try budget.make(bytes: size.overflow ? .max : size.partialValue)
        return width
    }

    /// `replace(old, new, count)` of a text, as method and as filter.
    func replace(_ text: String, _ arguments: [RenderValue?]) throws -> RenderValue {
        let old = try string(arguments[0] ?? .none, "old")
        let new = try string(arguments[1] ?? .none, "new")
        let limit = isNone(arguments[2]) ? nil : try arguments[2].map { try integer($0, "count") }
        let count = PythonText.replacements(of: old, in: text, limit: limit)
        let growth = count.multipliedReportingOverflow(by: new.utf8.count)
        try budget.make(bytes: growth.overflow ? Int.max : growth.partialValue)
        return try made(PythonText.replace(text, old, with: new, limit: limit))
    }
}
