import IR

/// The pass that replaces a loop with a fixed count by copies of its body. Each copy knows its recurrence and so its
/// entry in the caches, and the last operations of one copy can fuse with the first of the next.
public struct UnrollRecurrences: FunctionPass {
    public let name = "unroll-recurrences"
    public let summary = "replaces loops of a fixed count by copies of their body, so that fusion can cross iterations"
    public let follows = [
        Predecessor("specialize-recurrences", "only the loops of the copies that it makes have a fixed count"),
        Predecessor("hoist-invariants", "once a loop is unrolled there is nothing to move its invariants out of"),
    ]

    /// The maximum count of a loop that is unrolled. The copies of a longer one would be a text of many megabytes and
    /// no faster.
    public static let maxIterations = 256

    public init() {}

    func rewrite(_ function: inout Function) {
        var names = FreshNames(for: function)
        var replacements: [String: Value] = [:]
        var result: [Operation] = []
        for var operation in function.operations {
            operation.substitute(replacements)
            guard let body = operation.body, case .number(let count) = body.count, count <= Self.maxIterations
            else {
                result.append(operation)
                continue
            }
            var carried = operation.operands
            for iteration in 0..<count {
                let copy = body.unrolled(carried, recurrence: iteration, names: &names)
                result += copy.operations
                carried = copy.yields
            }
            for (old, new) in zip(operation.results, carried) { replacements[old.name] = new }
        }
        function.operations = result
        function.substitute(replacements)
    }
}
