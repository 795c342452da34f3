import IR

/// A random verified module with one function, numbers for its weights, and calls of it, for property tests of passes.
///
///     let program = try RandomProgram(seed: 7)
///     let changed = try SomePass().run(program.module)
///     #expect(try program.difference(from: changed) == nil)
public struct RandomProgram: Sendable {
    /// The function's name in ``module``.
    public static let function = "main"

    public let seed: UInt64
    public let module: Module
    /// The checkpoint: the tensors that the weights are made of.
    public let weights: [String: Tensor]
    /// The arguments of calls that follow each other on the same caches: later ones extend the sequences of earlier
    /// ones.
    public let calls: [[Tensor]]
    /// The number of recurrences of every call.
    public let recurrences: Int
    /// The caches' budget.
    public let budget: Int
    /// Whether bf16 occurs. Rounding to it makes the smallest change in an order of summation visible.
    public let usesBF16: Bool
    /// For each returned `argmax`: its place among the results, and the logits it chose from, the rows of all calls.
    private let choices: [(result: Int, logits: Tensor)]
    private let expected: [Tensor]

    /// - Throws: ``VerificationError``, ``BuilderError`` or ``InterpreterError`` for a mistake of the generator.
    public init(seed: UInt64) throws {
        var generator = GraphGenerator(seed: seed)
        let graph = try generator.generate()
        self.seed = seed
        module = graph.module
        weights = graph.weights
        calls = graph.calls
        recurrences = graph.recurrences
        budget = graph.budget
        usesBF16 = graph.usesBF16

        var probe = graph.module
        let results = probe.functions[0].returns.count
        probe.functions[0].results += graph.choices.map { NamedResult($0.logits.name, $0.logits) }
        let outputs = try Self.run(
            probe, Self.function, weights: weights, calls: calls, recurrences: recurrences, budget: budget)
        choices = zip(graph.choices, outputs[results...]).map { ($0.result, $1) }
        expected = Array(outputs[..<results])
    }

    /// Runs all calls and returns each result with the rows of all calls, one after another.
    /// - Parameter function: for a module that has the function by another name, or several.
    public func outputs(of module: Module, function: String = function) throws -> [Tensor] {
        try Self.run(
            module, function, weights: weights, calls: calls, recurrences: recurrences, budget: budget)
    }

    /// A sentence that says how the results of `changed` differ from those of ``module`` by more than the order of sums
    /// explains; nil if they do not.
    public func difference(from changed: Module, function: String = function) throws -> String? {
        difference(from: try outputs(of: changed, function: function))
    }

    /// The same for given results. A token may differ if its logits are almost equal.
    public func difference(from outputs: [Tensor]) -> String? {
        guard outputs.count == expected.count else {
            return "seed \(seed): \(outputs.count) results, expected \(expected.count)"
        }
        for (index, (wanted, found)) in zip(expected, outputs).enumerated() {
            let place = "seed \(seed), result \(index)"
            guard wanted.shape == found.shape, wanted.element == found.element else {
                return "\(place): \(found.element)\(found.shape), expected \(wanted.element)\(wanted.shape)"
            }
            if wanted.element == .i32 {
                guard let choice = choices.first(where: { $0.result == index }) else { continue }
                if let row = firstWrongChoice(wanted.integers, found.integers, choice.logits) {
                    return "\(place): row \(row) chose \(found.integers[row]), expected \(wanted.integers[row])"
                }
            } else {
                let distance = Self.relativeDistance(wanted.floats, found.floats)
                if !(distance <= tolerance) { return "\(place): relative distance \(distance), expected \(tolerance)" }
            }
        }
        return nil
    }

    /// The maximum difference of results, relative to their norm: ten times the largest effect of the order of sums in
    /// 2000 programs. With bf16, a last bit can change the direction of a rounding, by 2^−8 of an element.
    public var tolerance: Float { usesBF16 ? 5e-3 : 2e-5 }

    private func firstWrongChoice(_ wanted: [Int32], _ found: [Int32], _ logits: Tensor) -> Int? {
        let width = logits.shape[1]
        return wanted.indices.first { row in
            guard wanted[row] != found[row] else { return false }
            guard (0..<width).contains(Int(found[row])) else { return true }
            let values = logits.floats[row * width..<(row + 1) * width]
            let largest = values.map(abs).max() ?? 0
            let lost = values[row * width + Int(wanted[row])] - values[row * width + Int(found[row])]
            return lost > tolerance * largest
        }
    }

    /// The relative distance ‖a − b‖ / ‖a‖, or ‖a − b‖ if a is zero.
    public static func relativeDistance(_ a: [Float], _ b: [Float]) -> Float {
        let difference = zip(a, b).reduce(Double(0)) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        let norm = a.reduce(Double(0)) { $0 + Double($1) * Double($1) }
        return Float((norm > 0 ? difference / norm : difference).squareRoot())
    }

    private static func run(
        _ module: Module, _ function: String, weights: [String: Tensor], calls: [[Tensor]], recurrences: Int,
        budget: Int
    ) throws -> [Tensor] {
        let interpreter = try Interpreter(module: module, weights: weights)
        var caches = CacheState(budget: budget)
        let results = try calls.map {
            try interpreter.run(function, arguments: $0, recurrences: recurrences, caches: &caches)
        }
        return results[0].indices.map { index in Self.joined(results.map { $0[index] }) }
    }

    /// Tensors of one width below each other.
    private static func joined(_ parts: [Tensor]) -> Tensor {
        let shape = [parts.reduce(0) { $0 + $1.shape[0] }] + parts[0].shape.dropFirst()
        return parts[0].element == .i32
            ? Tensor(parts.flatMap(\.integers), shape: shape)
            : Tensor(parts.flatMap(\.floats), shape: shape, element: parts[0].element)
    }
}
