/// Methods of strings, lists and dictionaries, and attributes of `loop`.
enum TemplateMethods {
    /// Methods that would change a list or dictionary; the sandbox of transformers forbids them too.
    private static let changing: Set = [
        "append", "extend", "insert", "remove", "sort", "reverse", "pop", "popitem", "clear", "update", "setdefault",
    ]

    /// The method `name` of `value`; nil if its type has none of that name.
    static func method(_ name: String, of value: RenderValue) throws -> RenderFunction? {
        switch value {
        case .string(let text):
            guard let method = ofStrings[name] else {
                // A method of Python that is not supported must not look like a missing attribute.
                if unsupportedOfStrings.contains(name) {
                    throw TemplateFault("the method '\(name)' of a string is not supported")
                }
                return nil
            }
            return function(name, "string", method.parameters, required: method.required) { evaluator, arguments in
                try evaluator.budget.visit(text: text)
                return try method.body(evaluator, text, arguments)
            }
        case .sequence(.list, let items), .sequence(.tuple, let items):
            if changing.contains(name) { return refused(name, "list") }
            return list(name, items)
        case .dictionary(let dictionary):
            // A key of the same name remains accessible.
            if changing.contains(name), dictionary[.string(name)] == nil { return refused(name, "dictionary") }
            return self.dictionary(name, dictionary)
        default: return nil
        }
    }

    private typealias Body = (TemplateEvaluator, [RenderValue?]) throws -> RenderValue

    private static func function(
        _ name: String, _ type: String, _ parameters: [String], required: Int, _ body: @escaping Body
    ) -> RenderFunction {
        RenderFunction(name) { evaluator, arguments in
            try body(evaluator, arguments.bind(parameters, required: required, of: "the \(type) method '\(name)'"))
        }
    }

    private static func refused(_ name: String, _ type: String) -> RenderFunction {
        RenderFunction(name) { _, _ in
            throw TemplateFault("'\(name)' would change a \(type), which a chat template may not; build a new one")
        }
    }

    // MARK: Lists and dictionaries

    private static func list(_ name: String, _ items: RenderItems) -> RenderFunction? {
        guard name == "index" || name == "count" else { return nil }
        return function(name, "list", ["value"], required: 1) { evaluator, arguments in
            let value = arguments[0] ?? .none
            try evaluator.budget.visit(items.elements.count)
            let matches = try items.elements.indices.filter { index in
                try evaluator.budget.visit(min(value.weight, items.elements[index].weight))
                return items.elements[index] == value
            }
            if name == "count" { return .integer(matches.count) }
            guard let first = matches.first else { throw TemplateFault("the value is not in the list") }
            return .integer(first)
        }
    }

    private static func dictionary(_ name: String, _ dictionary: RenderDictionary) -> RenderFunction? {
        switch name {
        case "get":
            return function(name, "dictionary", ["key", "default"], required: 1) { evaluator, arguments in
                let key = arguments[0] ?? .none
                try evaluator.budget.visit(key.weight)
                return dictionary[key] ?? arguments[1] ?? .none
            }
        case "keys":
            return function(name, "dictionary", [], required: 0) { evaluator, _ in
                .sequence(.view, try RenderItems(dictionary.entries.map(\.key), budget: evaluator.budget))
            }
        case "values":
            return function(name, "dictionary", [], required: 0) { evaluator, _ in
                .sequence(.view, try RenderItems(dictionary.entries.map(\.value), budget: evaluator.budget))
            }
        case "items":
            return function(name, "dictionary", [], required: 0) { evaluator, _ in
                .sequence(.view, try RenderItems(evaluator.pairs(of: dictionary), budget: evaluator.budget))
            }
        case "copy":
            return function(name, "dictionary", [], required: 0) { _, _ in .dictionary(dictionary) }
        default: return nil
        }
    }

    // MARK: The loop variable

    static func attribute(_ name: String, of loop: RenderLoop) throws -> RenderValue? {
        let elements = loop.elements
        switch name {
        case "index": return .integer(loop.index + 1)
        case "index0": return .integer(loop.index)
        case "revindex": return .integer(elements.count - loop.index)
        case "revindex0": return .integer(elements.count - loop.index - 1)
        case "first": return .boolean(loop.index == 0)
        case "last": return .boolean(loop.index == elements.count - 1)
        case "length": return .integer(elements.count)
        case "depth": return .integer(1)
        case "depth0": return .integer(0)
        case "previtem":
            return loop.index > 0 ? elements[loop.index - 1] : .undefined("there is no previous item")
        case "nextitem":
            return loop.index + 1 < elements.count ? elements[loop.index + 1] : .undefined("there is no next item")
        case "cycle":
            let index = loop.index
            return .function(
                RenderFunction(name) { _, arguments in
                    guard !arguments.positional.isEmpty else { throw TemplateFault("'cycle' needs a value") }
                    return arguments.positional[index % arguments.positional.count]
                })
        case "changed": throw TemplateFault("'loop.changed' is not supported")
        default: return nil
        }
    }

    // MARK: Strings

    private struct StringMethod: Sendable {
        let parameters: [String]
        let required: Int
        let body: @Sendable (TemplateEvaluator, String, [RenderValue?]) throws -> RenderValue
    }

    private static let unsupportedOfStrings: Set = [
        "casefold", "center", "encode", "expandtabs", "format", "format_map", "isascii", "isdecimal", "isidentifier",
        "isnumeric", "isprintable", "ljust", "maketrans", "rjust", "swapcase", "translate", "zfill",
    ]

    private static let ofStrings: [String: StringMethod] = {
        var methods: [String: StringMethod] = [:]
        func add(
            _ name: String, _ parameters: [String] = [], required: Int = 0,
            _ body: @escaping @Sendable (TemplateEvaluator, String, [RenderValue?]) throws -> RenderValue
        ) {
            methods[name] = StringMethod(parameters: parameters, required: required, body: body)
        }
        add("upper") { evaluator, text, _ in try evaluator.made(PythonText.upper(text)) }
        add("lower") { evaluator, text, _ in try evaluator.made(PythonText.lower(text)) }
        add("title") { evaluator, text, _ in try evaluator.made(PythonText.title(text)) }
        add("capitalize") { evaluator, text, _ in try evaluator.made(PythonText.capitalize(text)) }
        for (name, side) in [("strip", PythonText.Side.both), ("lstrip", .left), ("rstrip", .right)] {
            add(name, ["chars"]) { evaluator, text, arguments in
                let characters = try evaluator.optionalString(arguments[0], "chars")
                return try evaluator.made(PythonText.strip(text, side, characters: characters))
            }
        }
        for (name, fits) in [("startswith", PythonText.hasPrefix), ("endswith", PythonText.hasSuffix)]
            as [(String, @Sendable (String, String) -> Bool)]
        {
            add(name, ["affix"], required: 1) { evaluator, text, arguments in
                let affix = arguments[0] ?? .none
                guard case .sequence(.tuple, let choices) = affix else {
                    return .boolean(fits(text, try evaluator.string(affix, "affix")))
                }
                return .boolean(try choices.elements.contains { fits(text, try evaluator.string($0, "affix")) })
            }
        }
        for fromRight in [false, true] {
            add(fromRight ? "rsplit" : "split", ["sep", "maxsplit"]) { evaluator, text, arguments in
                try split(evaluator, text, arguments, fromRight: fromRight)
            }
        }
        add("splitlines", ["keepends"]) { evaluator, text, arguments in
            try evaluator.list(PythonText.lines(text, keepEnds: arguments[0]?.isTrue ?? false))
        }
        add("replace", ["old", "new", "count"], required: 2) { evaluator, text, arguments in
            try evaluator.replace(text, arguments)
        }
        for fromRight in [false, true] {
            add(fromRight ? "rpartition" : "partition", ["sep"], required: 1) { evaluator, text, arguments in
                let separator = try nonEmpty(evaluator, arguments[0])
                let parts = PythonText.split(text, by: separator, limit: 1, fromRight: fromRight)
                let whole = fromRight ? ["", "", text] : [text, "", ""]
                let three = parts.count == 2 ? [parts[0], separator, parts[1]] : whole
                return try evaluator.tuple(three.map { try evaluator.made($0) })
            }
        }
        for name in ["find", "rfind", "index", "rindex"] {
            add(name, ["sub"], required: 1) { evaluator, text, arguments in
                let part = try nonEmpty(evaluator, arguments[0])
                let parts = PythonText.split(text, by: part, limit: 1, fromRight: name.hasPrefix("r"))
                if parts.count == 2 { return .integer(parts[0].unicodeScalars.count) }
                guard name.hasSuffix("find") else { throw TemplateFault("the text is not in the string") }
                return .integer(-1)
            }
        }
        add("count", ["sub"], required: 1) { evaluator, text, arguments in
            .integer(
                PythonText.replacements(of: try evaluator.string(arguments[0] ?? .none, "sub"), in: text, limit: nil))
        }
        add("join", ["iterable"], required: 1) { evaluator, text, arguments in
            var result = ""
            for (index, element) in try evaluator.elements(of: arguments[0] ?? .none).enumerated() {
                if index > 0 { try evaluator.append(text, to: &result) }
                try evaluator.append(evaluator.string(element, "an element of 'join'"), to: &result)
            }
            return .string(result)
        }
        add("removeprefix", ["prefix"], required: 1) { evaluator, text, arguments in
            let prefix = try evaluator.string(arguments[0] ?? .none, "prefix")
            guard PythonText.hasPrefix(text, prefix) else { return .string(text) }
            return try evaluator.made(String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self))
        }
        add("removesuffix", ["suffix"], required: 1) { evaluator, text, arguments in
            let suffix = try evaluator.string(arguments[0] ?? .none, "suffix")
            guard PythonText.hasSuffix(text, suffix) else { return .string(text) }
            return try evaluator.made(String(decoding: text.utf8.dropLast(suffix.utf8.count), as: UTF8.self))
        }
        let classes: [(String, @Sendable (Unicode.Scalar) -> Bool)] = [
            ("isspace", { PythonText.isSpace($0) }),
            ("isdigit", { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }),
            ("isalpha", { $0.isPythonLetter }),
            ("isalnum", { $0.isPythonLetter || $0.properties.numericType != nil }),
        ]
        for (name, holds) in classes {
            add(name) { _, text, _ in .boolean(!text.isEmpty && text.unicodeScalars.allSatisfy(holds)) }
        }
        add("isupper") { _, text, _ in .boolean(PythonText.isCased(text) { $0.properties.isUppercase }) }
        add("islower") { _, text, _ in .boolean(PythonText.isCased(text) { $0.properties.isLowercase }) }
        return methods
    }()

    private static func nonEmpty(_ evaluator: TemplateEvaluator, _ value: RenderValue?) throws -> String {
        let text = try evaluator.string(value ?? .none, "the text to look for")
        guard !text.isEmpty else { throw TemplateFault("the text to look for is empty") }
        return text
    }

    private static func split(
        _ evaluator: TemplateEvaluator, _ text: String, _ arguments: [RenderValue?], fromRight: Bool
    ) throws -> RenderValue {
        let limit = try arguments[1].map { try evaluator.integer($0, "maxsplit") } ?? -1
        try evaluator.budget.make(bytes: text.utf8.count)
        if evaluator.isNone(arguments[0]) {
            guard !fromRight || limit < 0 else {
                throw TemplateFault("'rsplit' with 'maxsplit' and no separator is not supported")
            }
            return try evaluator.list(PythonText.words(text, limit: limit))
        }
        let separator = try nonEmpty(evaluator, arguments[0])
        return try evaluator.list(PythonText.split(text, by: separator, limit: limit, fromRight: fromRight))
    }
}

extension Unicode.Scalar {
    fileprivate var isPythonLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }
}

extension PythonText {
    /// Whether `text` has letters with case, and `holds` for all of them.
    static func isCased(_ text: String, _ holds: (Unicode.Scalar) -> Bool) -> Bool {
        let cased = text.unicodeScalars.filter(\.properties.isCased)
        return !cased.isEmpty && cased.allSatisfy(holds)
    }
}

extension TemplateEvaluator {
    func pairs(of dictionary: RenderDictionary) throws -> [RenderValue] {
        try dictionary.entries.map { try tuple([$0.key, $0.value]) }
    }

    func optionalString(_ value: RenderValue?, _ name: String) throws -> String? {
        guard let value, !isNone(value) else { return nil }
        return try string(value, name)
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
