/// Filters that cut, fold and lay out text.
extension TemplateFilters {
    static let foldings: [String: Filter] = [
        "center": Filter(["width"]) { evaluator, value, arguments in
            let width = try arguments[0].map { try evaluator.integer($0, "width") } ?? 80
            guard width <= TemplateLimits.formatWidth else {
                throw TemplateFault("a text is wider than \(TemplateLimits.formatWidth) characters")
            }
            return try evaluator.made(PythonText.padded(evaluator.text(of: value), to: width, with: " ", .both))
        },
        "truncate": Filter(["length", "killwords", "end", "leeway"]) { evaluator, value, arguments in
            try truncated(evaluator, value, arguments)
        },
        "wordcount": Filter { evaluator, value, _ in
            var count = 0
            var isInWord = false
            for scalar in try evaluator.text(of: value).unicodeScalars {
                let isWord = PythonText.isWordCharacter(scalar)
                count += isWord && !isInWord ? 1 : 0
                isInWord = isWord
            }
            return .integer(count)
        },
        "wordwrap": Filter(["width", "break_long_words", "wrapstring", "break_on_hyphens"]) {
            evaluator, value, arguments in
            try wrapped(evaluator, value, arguments)
        },
        "pprint": Filter { evaluator, value, _ in try PrettyPrinter.text(of: value, evaluator) },
        "filesizeformat": Filter(["binary"]) { evaluator, value, arguments in
            guard let size = value.number ?? float(value) else {
                throw TemplateFault("'filesizeformat' needs a number, not \(value.typeName)")
            }
            return try evaluator.made(fileSize(size, isBinary: arguments[0]?.isTrue ?? false))
        },
    ]

    private static func truncated(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: [RenderValue?]
    ) throws -> RenderValue {
        let length = try arguments[0].map { try evaluator.integer($0, "length") } ?? 255
        let end = try arguments[2].map { try evaluator.string($0, "end") } ?? "..."
        let leeway = evaluator.isNone(arguments[3]) ? 5 : try evaluator.integer(arguments[3] ?? .none, "leeway")
        let kept = length - end.unicodeScalars.count
        guard kept >= 0, leeway >= 0 else {
            throw TemplateFault("'truncate' needs a length that 'end' fits in, and a leeway that is not negative")
        }
        if case .undefined = value { return .string("") }
        let text = try evaluator.string(value, "the text that 'truncate' cuts")
        let scalars = Array(text.unicodeScalars)
        guard scalars.count - length > leeway else { return value }
        let front = PythonText.string(scalars[..<kept])
        let cutsWords = arguments[1]?.isTrue ?? false
        return try evaluator.made(
            (cutsWords ? front : PythonText.split(front, by: " ", limit: 1, fromRight: true)[0]) + end)
    }

    private static func wrapped(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: [RenderValue?]
    ) throws -> RenderValue {
        let width = try arguments[0].map { try evaluator.integer($0, "width") } ?? 79
        let text = try evaluator.string(value, "the text that 'wordwrap' folds")
        guard width > 0 || text.isEmpty else { throw TemplateFault("'wordwrap' needs a width above zero") }
        let separator = try evaluator.optionalString(arguments[2], "wrapstring") ?? "\n"
        let wrapper = WrappedText(
            width: width, breaksLongWords: arguments[1]?.isTrue ?? true, breaksOnHyphens: arguments[3]?.isTrue ?? true)
        try evaluator.budget.make(bytes: text.utf8.count * 4)
        var result = ""
        for (index, paragraph) in PythonText.lines(text, keepEnds: false).enumerated() {
            if index > 0 { try evaluator.append(separator, to: &result) }
            for (number, line) in wrapper.lines(paragraph).enumerated() {
                if number > 0 { try evaluator.append(separator, to: &result) }
                try evaluator.append(line, to: &result)
            }
        }
        return .string(result)
    }

    private static func fileSize(_ bytes: Double, isBinary: Bool) -> String {
        let base: Double = isBinary ? 1024 : 1000
        if bytes == 1 { return "1 Byte" }
        if bytes < base { return "\(Int(exactly: bytes.rounded(.towardZero)) ?? 0) Bytes" }
        let prefixes =
            isBinary
            ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
            : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
        var unit = base
        var prefix = prefixes[0]
        for next in prefixes {
            prefix = next
            unit *= base
            if bytes < unit { break }
        }
        return NumberText.printed(base * bytes / unit, "f", precision: 1) + " " + prefix
    }
}
