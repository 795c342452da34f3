import IR

/// Replaces a loop with a fixed count by copies of its body. Each copy knows its recurrence, hence its entry in the
/// caches, and the last operations of one copy can fuse with the first of the next.
public struct UnrollRecurrences: FunctionPass {
    public let name = "unroll-recurrences"
    public let summary = "replaces loops of a fixed count by copies of their body, so that fusion can cross iterations"

    public init() {}

    func rewrite(_ function: inout Function) {
        var names = FreshNames(function)
        var replacement: [String: Value] = [:]
        var result: [Operation] = []
        for operation in function.operations {
            let operation = operation.substituting(replacement)
            guard let body = operation.body, case .number(let count) = body.count else {
                result.append(operation)
                continue
            }
            var carried = operation.operands
            for iteration in 0..<count {
                var renamed = Dictionary(zip(body.parameters.map(\.name), carried)) { first, _ in first }
                for inner in body.operations {
                    var copy = inner.substituting(renamed)
                    copy.results = inner.results.map { value in
                        let fresh = Value(names.name("\(value.name).\(iteration)"), value.type)
                        renamed[value.name] = fresh
                        return fresh
                    }
                    for (key, attribute) in inner.attributes where attribute == .recurrence(.induction) {
                        copy.attributes[key] = .recurrence(.number(iteration))
                    }
                    result.append(copy)
                }
                carried = body.yields.map { renamed[$0.name] ?? $0 }
            }
            for (old, new) in zip(operation.results, carried) { replacement[old.name] = new }
        }
        function.operations = result
        function.returns = function.returns.map { replacement[$0.name] ?? $0 }
    }
}
