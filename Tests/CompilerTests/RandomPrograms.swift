import IR
import RandomGraphs

/// The random programs that the property tests of this target share, because making them takes longer than most tests.
enum RandomPrograms {
    private static let made = Result { try (1...80).map { try RandomProgram(seed: $0) } }

    static func all() throws -> [RandomProgram] { try made.get() }
}

extension RandomProgram {
    /// The results of all calls, one after another. Call i runs `functions[i mod count]`.
    func outputs(of module: Module, functions: [String]) throws -> [Tensor] {
        let interpreter = try Interpreter(module: module, weights: weights)
        var caches = CacheState(budget: budget)
        let results = try calls.enumerated().map { index, arguments in
            try interpreter.run(
                functions[index % functions.count], arguments: arguments, recurrences: recurrences, caches: &caches)
        }
        return results[0].indices.map { index in
            let parts = results.map { $0[index] }
            let shape = [parts.reduce(0) { $0 + $1.shape[0] }] + parts[0].shape.dropFirst()
            return parts[0].element == .i32
                ? Tensor(parts.flatMap(\.integers), shape: shape)
                : Tensor(parts.flatMap(\.floats), shape: shape, element: parts[0].element)
        }
    }
}
