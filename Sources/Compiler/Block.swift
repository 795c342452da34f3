import IR

/// Where a block's values are defined and how often the whole function reads them: what a pattern match asks.
struct BlockIndex {
    private let definitions: [String: Int]
    private let uses: [String: Int]

    /// - Parameter uses: reads of each value in the whole function, see ``useCounts(of:)``.
    init(_ operations: [Operation], uses: [String: Int]) {
        var definitions: [String: Int] = [:]
        for (index, operation) in operations.enumerated() {
            for result in operation.results { definitions[result.name] = index }
        }
        self.definitions = definitions
        self.uses = uses
    }

    /// The index of the operation of this block that defines the value.
    func definition(of value: Value) -> Int? { definitions[value.name] }

    func uses(of value: Value) -> Int { uses[value.name] ?? 0 }
}

/// How often each value is read: as an operand, a yield, or a returned value.
func useCounts(of function: Function) -> [String: Int] {
    var counts: [String: Int] = [:]
    func count(_ values: [Value]) { for value in values { counts[value.name, default: 0] += 1 } }
    func walk(_ operations: [Operation]) {
        for operation in operations {
            count(operation.operands)
            if let body = operation.body {
                walk(body.operations)
                count(body.yields)
            }
        }
    }
    walk(function.operations)
    count(function.returns)
    return counts
}

/// Rewrites the function's outermost block and every loop's body, each with an index of its own.
func rewriteBlocks(
    of function: inout Function, _ rewrite: (_ operations: [Operation], _ index: BlockIndex) -> [Operation]
) {
    let uses = useCounts(of: function)
    func visit(_ operations: [Operation]) -> [Operation] {
        var operations = operations
        for index in operations.indices {
            if let body = operations[index].body { operations[index].body?.operations = visit(body.operations) }
        }
        return rewrite(operations, BlockIndex(operations, uses: uses))
    }
    function.operations = visit(function.operations)
}

/// Operations to take out of a block and operations to put in their place, applied together.
struct BlockEdit {
    private var removed: Set<Int> = []
    private var placed: [Int: [Operation]] = [:]

    /// Whether an earlier match has taken the operation.
    func hasRemoved(_ index: Int) -> Bool { removed.contains(index) }

    /// Replaces the operations at `indices` by one that stands where the one at `position` stood.
    mutating func replace(_ indices: [Int], at position: Int, with operation: Operation) {
        removed.formUnion(indices)
        placed[position, default: []].append(operation)
    }

    mutating func remove(_ index: Int) { removed.insert(index) }

    func applied(to operations: [Operation]) -> [Operation] {
        operations.indices.flatMap { index in
            (placed[index] ?? []) + (removed.contains(index) ? [] : [operations[index]])
        }
    }
}

extension Operation {
    /// Replaces every value that the operation reads, its loop body included.
    mutating func substitute(_ replacement: [String: Value]) {
        if replacement.isEmpty { return }
        operands = operands.map { replacement[$0.name] ?? $0 }
        if var loop = body {
            loop.operations = loop.operations.map { $0.substituting(replacement) }
            loop.yields = loop.yields.map { replacement[$0.name] ?? $0 }
            body = loop
        }
    }

    func substituting(_ replacement: [String: Value]) -> Operation {
        var copy = self
        copy.substitute(replacement)
        return copy
    }
}

/// Hands out value names that a function does not use yet.
struct FreshNames {
    private var taken: Set<String>

    init(_ function: Function) {
        taken = Set(function.parameters.map(\.name))
        func walk(_ operations: [Operation]) {
            for operation in operations {
                taken.formUnion(operation.results.map(\.name))
                if let body = operation.body {
                    taken.formUnion(body.parameters.map(\.name))
                    walk(body.operations)
                }
            }
        }
        walk(function.operations)
    }

    /// `wish` itself when it is free, else with a number after it.
    mutating func name(_ wish: String) -> String {
        var name = wish
        var number = 0
        while !taken.insert(name).inserted {
            number += 1
            name = "\(wish).\(number)"
        }
        return name
    }
}
