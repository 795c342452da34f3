/// Evaluated arguments of a call, a filter or a test.
struct RenderArguments {
    var positional: [RenderValue] = []
    var named: [(name: String, value: RenderValue)] = []

    /// The arguments with ordinary text in place of escaped text.
    var withoutMarkup: RenderArguments {
        RenderArguments(
            positional: positional.map(\.withoutMarkup), named: named.map { ($0.name, $0.value.withoutMarkup) })
    }

    /// The arguments in the order of `parameters`, nil for absent ones; refuses those that fit no parameter.
    func bind(_ parameters: [String], of callee: String) throws -> [RenderValue?] {
        guard positional.count <= parameters.count else {
            throw TemplateFault("\(callee) takes \(parameters.count) arguments, not \(positional.count)")
        }
        var values: [RenderValue?] = positional + Array(repeating: nil, count: parameters.count - positional.count)
        for (name, value) in named {
            guard let index = parameters.firstIndex(of: name) else {
                throw TemplateFault("\(callee) has no parameter '\(name)'")
            }
            guard values[index] == nil else { throw TemplateFault("\(callee) is given '\(name)' twice") }
            values[index] = value
        }
        return values
    }

    /// The same as `bind(_:of:)`, but the first `required` arguments have to be given.
    func bind(_ parameters: [String], required: Int, of callee: String) throws -> [RenderValue?] {
        let values = try bind(parameters, of: callee)
        for (parameter, value) in zip(parameters, values).prefix(required) where value == nil {
            throw TemplateFault("\(callee) needs the argument '\(parameter)'")
        }
        return values
    }
}
