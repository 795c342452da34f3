/// Filters that put elements into groups, and `attr`.
extension TemplateFilters {
    static let groups: [String: Filter] = [
        "groupby": Filter(["attribute", "default", "case_sensitive"], required: 1) { evaluator, value, arguments in
            try groupBy(evaluator, value, arguments)
        },
        "batch": Filter(["linecount", "fill_with"], required: 1) { evaluator, value, arguments in
            try evaluator.stream(over: value) { evaluator in
                let size = try evaluator.integer(arguments[0] ?? .none, "linecount")
                let elements = try evaluator.elements(of: value)
                // Jinja2 never finishes a line of no elements, so that all of them stand in one, behind an empty one.
                let step = size > 0 ? size : max(1, elements.count)
                let front = size == 0 && !elements.isEmpty ? [try evaluator.list([RenderValue]())] : []
                return try front
                    + stride(from: 0, to: elements.count, by: step).map { start in
                        var line = Array(elements[start..<min(elements.count, start + step)])
                        if let fill = arguments[1], !evaluator.isNone(fill), line.count < size {
                            try evaluator.budget.visit(size - line.count)
                            line += Array(repeating: fill, count: size - line.count)
                        }
                        return try evaluator.list(line)
                    }
            }
        },
        "slice": Filter(["slices", "fill_with"], required: 1) { evaluator, value, arguments in
            try evaluator.stream(over: value) { evaluator in
                let count = try evaluator.integer(arguments[0] ?? .none, "slices")
                guard count != 0 else { throw TemplateFault("'slice' cannot make zero slices") }
                guard count > 0 else { return [] }
                try evaluator.budget.visit(count)
                let elements = try evaluator.elements(of: value)
                let (length, longer) = elements.count.quotientAndRemainder(dividingBy: count)
                return try (0..<count).map { number in
                    let start = number * length + min(number, longer)
                    var slice = Array(elements[start..<start + length + (number < longer ? 1 : 0)])
                    if let fill = arguments[1], !evaluator.isNone(fill), number >= longer { slice.append(fill) }
                    return try evaluator.list(slice)
                }
            }
        },
        "attr": Filter(["name"], required: 1) { evaluator, value, arguments in
            let name = try evaluator.text(of: arguments[0] ?? .none)
            return try evaluator.member(name, of: value) ?? evaluator.missing(name, of: value)
        },
    ]

    private static func groupBy(
        _ evaluator: TemplateEvaluator, _ value: RenderValue, _ arguments: [RenderValue?]
    ) throws -> RenderValue {
        let isCaseSensitive = arguments[2]?.isTrue ?? false
        let standard = evaluator.isNone(arguments[1]) ? nil : arguments[1]
        let keyed: [Keyed] = try evaluator.elements(of: value).map { element in
            let key = try evaluator.attribute(at: arguments[0] ?? .none, of: element, otherwise: standard)
            return (key, element)
        }
        func folded(_ key: RenderValue) -> RenderValue {
            if case .string(let text) = key, !isCaseSensitive { .string(PythonText.lower(text)) } else { key }
        }
        let pairs = try keyed.map { try evaluator.tuple([$0.key, $0.value]) }
        let order = try sorted(
            evaluator, zip(keyed, pairs).map { (key: folded($0.key), value: $1) }, isReversed: false)
        var groups: [(key: RenderValue, elements: [RenderValue])] = []
        for case .sequence(_, let pair) in order {
            let (key, element) = (pair.elements[0], pair.elements[1])
            if let last = groups.last, folded(last.key) == folded(key) {
                groups[groups.count - 1].elements.append(element)
            } else {
                groups.append((key, [element]))
            }
        }
        return try evaluator.list(
            groups.map { group in
                let parts = [group.key, try evaluator.list(group.elements)]
                return .sequence(.group, try RenderItems(parts, budget: evaluator.budget))
            })
    }
}
