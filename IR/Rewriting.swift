// The operations on functions that passes share: replacing values, visiting operations, copying loop bodies.

extension Operation {
    /// Replaces the values that the operation and its body read. Keys are names. A replacement is not replaced in turn.
    public mutating func substitute(_ replacements: [String: Value]) {
        operands.substitute(replacements)
        guard body != nil else { return }
        body?.yields.substitute(replacements)
        for index in body?.operations.indices ?? 0..<0 { body?.operations[index].substitute(replacements) }
    }

    /// Calls `visit` with every value that the operation and its body read, once for each use.
    public func forEachUse(_ visit: (Value) throws -> Void) rethrows {
        for operand in operands { try visit(operand) }
        guard let body else { return }
        for operation in body.operations { try operation.forEachUse(visit) }
        for value in body.yields { try visit(value) }
    }
}

extension Function {
    /// Replaces values wherever the function reads them: in operations, loop bodies, yields and returns.
    public mutating func substitute(_ replacements: [String: Value]) {
        for index in operations.indices { operations[index].substitute(replacements) }
        for index in results.indices {
            if let replacement = replacements[results[index].value.name] { results[index].value = replacement }
        }
    }

    /// Calls `visit` with every operation in order; a `repeat` comes before the operations of its body. `loop` is that
    /// `repeat` for the operations of a body, and nil for others.
    public func forEachOperation(_ visit: (_ operation: Operation, _ loop: Operation?) throws -> Void) rethrows {
        try operations.visit(in: nil, visit)
    }

    /// The number of times that each value is read by operations, yields and returns, by name.
    public var useCounts: [String: Int] {
        var counts: [String: Int] = [:]
        for operation in operations { operation.forEachUse { counts[$0.name, default: 0] += 1 } }
        for value in returns { counts[value.name, default: 0] += 1 }
        return counts
    }

    /// The names of all parameters, results and carried values of the function.
    public var valueNames: Set<String> {
        var names = Set(parameters.map(\.name))
        forEachOperation { operation, _ in
            names.formUnion(operation.results.map(\.name))
            names.formUnion(operation.body?.parameters.map(\.name) ?? [])
        }
        return names
    }

    /// Rewrites every list of operations: first those of the loop bodies, then the function's own.
    public mutating func rewriteOperations(_ rewrite: ([Operation]) throws -> [Operation]) rethrows {
        operations = try operations.rewritten(rewrite)
    }
}

extension [Operation] {
    fileprivate func rewritten(_ rewrite: ([Operation]) throws -> [Operation]) rethrows -> [Operation] {
        var copy = self
        for index in copy.indices {
            if let inner = copy[index].body?.operations {
                copy[index].body?.operations = try inner.rewritten(rewrite)
            }
        }
        return try rewrite(copy)
    }

    fileprivate func visit(in loop: Operation?, _ visit: (Operation, Operation?) throws -> Void) rethrows {
        for operation in self {
            try visit(operation, loop)
            try operation.body?.operations.visit(in: operation, visit)
        }
    }
}

extension LoopBody {
    /// A copy of the body's operations for one iteration outside the loop. Carried values are replaced by `arguments`,
    /// results are renamed, and `recurrence = induction` becomes `number`.
    /// - Returns: the operations, and the values that the iteration yields.
    public func unrolled(
        _ arguments: [Value], recurrence number: Int, names: inout FreshNames
    ) -> (operations: [Operation], yields: [Value]) {
        var replacements = Dictionary(
            zip(parameters.map(\.name), arguments), uniquingKeysWith: { first, _ in first })
        var copies: [Operation] = []
        for operation in operations {
            var copy = operation
            copy.substitute(replacements)
            for index in copy.results.indices {
                let name = copy.results[index].name
                copy.results[index].name = names.next(like: name)
                replacements[name] = copy.results[index]
            }
            for (name, attribute) in copy.attributes where attribute == .recurrence(.induction) {
                copy.attributes[name] = .recurrence(.number(number))
            }
            copies.append(copy)
        }
        var last = yields
        last.substitute(replacements)
        return (copies, last)
    }
}

/// A source of names that no value of a function has.
public struct FreshNames: Sendable {
    private var taken: Set<String>
    private var nextNumber = 0
    /// The last suffix given to each stem. The next search starts there.
    private var suffixes: [String: Int] = [:]

    public init(avoiding taken: Set<String> = []) { self.taken = taken }

    public init(for function: Function) { self.init(avoiding: function.valueNames) }

    /// A free name: `hint` itself if it is free, otherwise `hint.1`, `hint.2`, …; without a hint, the next free number.
    public mutating func next(_ hint: String? = nil) -> String {
        guard let hint else {
            while true {
                let name = String(nextNumber)
                nextNumber += 1
                if taken.insert(name).inserted { return name }
            }
        }
        if taken.insert(hint).inserted { return hint }
        var suffix = suffixes[hint] ?? 0
        while true {
            suffix += 1
            let name = "\(hint).\(suffix)"
            if taken.insert(name).inserted {
                suffixes[hint] = suffix
                return name
            }
        }
    }

    /// A name for a copy of a value. A number becomes the next free number; `q` or `q.3` becomes the next free one of
    /// `q.1`, `q.2`, ….
    public mutating func next(like name: String) -> String {
        if Int(name) != nil { return next() }
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, Int(name[name.index(after: dot)...]) != nil
        else {
            return next(name)
        }
        return next(String(name[..<dot]))
    }
}

extension [Value] {
    fileprivate mutating func substitute(_ replacements: [String: Value]) {
        for index in indices {
            if let replacement = replacements[self[index].name] { self[index] = replacement }
        }
    }
}
