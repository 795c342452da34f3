import Foundation

/// The functions that every template can call: those of Jinja2 but `lipsum`, and the two that transformers adds,
/// `raise_exception` and `strftime_now`.
enum TemplateFunctions {
    static var globals: [String: RenderValue] {
        let functions = [
            RenderFunction("raise_exception", call: raiseException),
            RenderFunction("strftime_now", call: strftimeNow),
            RenderFunction("range", call: range),
            RenderFunction("namespace", call: namespace),
            RenderFunction(
                "dict", attributes: { $0 == "fromkeys" ? TemplateCollectionMethods.fromKeys : nil }, call: dictionary),
            RenderFunction("cycler", call: cycler),
            RenderFunction("joiner", call: joiner),
        ]
        return Dictionary(uniqueKeysWithValues: functions.map { ($0.name, .function($0)) })
    }

    private static func raiseException(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws
        -> RenderValue
    {
        let values = try arguments.bind(["message"], required: 1, of: "'raise_exception'")
        var fault = TemplateFault(try values[0].map(evaluator.text) ?? "")
        fault.isRaisedByTemplate = true
        throw fault
    }

    private static func range(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue {
        guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
            throw TemplateFault("'range' takes one, two or three integers")
        }
        let numbers = try arguments.positional.map { try evaluator.integer($0, "range") }
        let (start, stop) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
        let step = numbers.count == 3 ? numbers[2] : 1
        guard step != 0 else { throw TemplateFault("a range's step cannot be zero") }
        let distance = stop.subtractingReportingOverflow(start)
        let count = distance.overflow ? UInt.max : distance.partialValue.magnitude / step.magnitude
        guard count < TemplateLimits.rangeLength else {
            throw TemplateFault("a range holds more than \(TemplateLimits.rangeLength) numbers")
        }
        var values: [RenderValue] = []
        var next = (partialValue: start, overflow: false)
        while !next.overflow, step > 0 ? next.partialValue < stop : next.partialValue > stop {
            values.append(.integer(next.partialValue))
            next = next.partialValue.addingReportingOverflow(step)
        }
        let bounds = RenderRange(start: start, stop: stop, step: step)
        return .sequence(.range(bounds), try RenderItems(values, budget: evaluator.budget))
    }

    private static func namespace(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue {
        let namespace = try evaluator.makeNamespace()
        for (key, value) in try pairs(evaluator, arguments, of: "namespace") {
            try namespace.set(evaluator.string(key, "an attribute's name"), to: value)
        }
        return .namespace(namespace)
    }

    private static func dictionary(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue {
        .dictionary(try RenderDictionary(pairs(evaluator, arguments, of: "dict"), budget: evaluator.budget))
    }

    /// The entries that Python's `dict` makes of its arguments: a dictionary or pairs, and named values.
    private static func pairs(
        _ evaluator: TemplateEvaluator, _ arguments: RenderArguments, of callee: String
    ) throws -> [(key: RenderValue, value: RenderValue)] {
        guard arguments.positional.count <= 1 else {
            throw TemplateFault("'\(callee)' takes one dictionary or named values")
        }
        var pairs: [(key: RenderValue, value: RenderValue)] = []
        switch arguments.positional.first {
        case nil: break
        case .dictionary(let values): pairs = values.entries
        case .some(let value):
            pairs = try evaluator.elements(of: value).map { element in
                let pair = try evaluator.elements(of: element)
                guard pair.count == 2 else { throw TemplateFault("'\(callee)' takes a dictionary or a list of pairs") }
                return (pair[0], pair[1])
            }
        }
        return pairs + arguments.named.map { (.string($0.name), $0.value) }
    }

    /// `cycler(a, b, …)`: `next()` returns one value after the other, over and over.
    private static func cycler(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue {
        guard arguments.named.isEmpty, !arguments.positional.isEmpty else {
            throw TemplateFault("'cycler' needs values without names")
        }
        let items = try RenderItems(arguments.positional, budget: evaluator.budget)
        let state = Counter()
        func method(_ name: String, _ body: @escaping () -> RenderValue) -> RenderValue {
            .function(
                RenderFunction(name, depth: items.depth + 1) { _, arguments in
                    _ = try arguments.bind([], of: "the cycler's method '\(name)'")
                    return body()
                })
        }
        return .function(
            RenderFunction(
                "cycler", depth: items.depth + 1, isCallable: false,
                attributes: { name in
                    switch name {
                    case "current": return items.elements[state.count]
                    case "pos": return .integer(state.count)
                    case "items": return .sequence(.tuple, items)
                    case "next":
                        return method(name) {
                            defer { state.count = (state.count + 1) % items.elements.count }
                            return items.elements[state.count]
                        }
                    case "reset":
                        return method(name) {
                            state.count = 0
                            return .none
                        }
                    default: return nil
                    }
                },
                call: { _, _ in throw TemplateFault("a cycler cannot be called; call its method 'next'") }))
    }

    /// `joiner(sep)`: nothing when it is called for the first time, and then the separator.
    private static func joiner(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue {
        let separator = try arguments.bind(["sep"], of: "'joiner'")[0] ?? .string(", ")
        let state = Counter()
        return .function(
            RenderFunction(
                "joiner", depth: separator.depth + 1,
                attributes: { name in
                    switch name {
                    case "sep": return separator
                    case "used": return .boolean(state.count > 0)
                    default: return nil
                    }
                },
                call: { _, arguments in
                    _ = try arguments.bind([], of: "a joiner")
                    defer { state.count = 1 }
                    return state.count > 0 ? separator : .string("")
                }))
    }

    /// The progress of a cycler or a joiner.
    private final class Counter {
        var count = 0
    }

    /// Python's `datetime.now().strftime(format)`: the local time without a zone.
    private static func strftimeNow(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue
    {
        let values = try arguments.bind(["format"], required: 1, of: "'strftime_now'")
        let format = try evaluator.string(values[0] ?? .none, "format")
        return try evaluator.made(LocalTime.text(evaluator.now, format))
    }
}
