import Foundation

/// The functions that every template can call: those of Jinja2 that chat templates use, and the two that transformers
/// adds, `raise_exception` and `strftime_now`.
enum TemplateFunctions {
    static var globals: [String: RenderValue] {
        let functions = [
            RenderFunction("raise_exception", call: raiseException),
            RenderFunction("strftime_now", call: strftimeNow),
            RenderFunction("range", call: range),
            RenderFunction("namespace", call: namespace),
            RenderFunction("dict", call: dictionary),
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
        return .sequence(.range, try RenderItems(values, budget: evaluator.budget))
    }

    private static func namespace(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue {
        let namespace = RenderNamespace()
        if case .dictionary(let values)? = arguments.positional.first, arguments.positional.count == 1 {
            for (key, value) in values.entries {
                try namespace.set(evaluator.string(key, "an attribute's name"), to: value)
            }
        } else if !arguments.positional.isEmpty {
            throw TemplateFault("'namespace' takes one dictionary or named values")
        }
        for (name, value) in arguments.named { try namespace.set(name, to: value) }
        return .namespace(namespace)
    }

    private static func dictionary(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue {
        var pairs: [(key: RenderValue, value: RenderValue)] = []
        if case .dictionary(let values)? = arguments.positional.first, arguments.positional.count == 1 {
            pairs = values.entries
        } else if !arguments.positional.isEmpty {
            throw TemplateFault("'dict' takes one dictionary or named values")
        }
        pairs += arguments.named.map { (.string($0.name), $0.value) }
        return .dictionary(try RenderDictionary(pairs, budget: evaluator.budget))
    }

    /// The local time as C's `strftime` writes it.
    private static func strftimeNow(_ evaluator: TemplateEvaluator, _ arguments: RenderArguments) throws -> RenderValue
    {
        let values = try arguments.bind(["format"], required: 1, of: "'strftime_now'")
        let format = try evaluator.string(values[0] ?? .none, "format")
        guard format.utf8.count <= 256, !format.utf8.contains(0) else {
            throw TemplateFault("the format of 'strftime_now' is longer than 256 bytes or holds a zero byte")
        }
        guard var seconds = time_t(exactly: evaluator.now.timeIntervalSince1970.rounded(.down)) else {
            throw TemplateFault("the time given for 'strftime_now' is out of range")
        }
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 4096)
        // The leading blank distinguishes an empty result from one that does not fit.
        let length = strftime(&buffer, buffer.count, " " + format, &parts)
        guard length > 0 else { throw TemplateFault("the format of 'strftime_now' makes too long a text") }
        return .string(String(decoding: buffer[1..<length].map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
}
