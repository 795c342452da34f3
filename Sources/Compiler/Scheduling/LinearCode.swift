import IR
import Plans

/// A function as a list of steps over named storage, from which the memory plan and the tape are made. A loop is a
/// `repeat` step followed by its body.
///
/// The carried value of a loop is in one buffer, under the name of the loop's result. It is copied there before the
/// loop and at the end of every iteration.
struct LinearCode {
    struct Step {
        enum Action {
            case operation(Operation)
            /// Copies the value of `from` to `into`.
            case copy(from: Value, into: Value)
            /// A loop, whose body is the next `length` steps.
            case loop(length: Int)
        }

        var action: Action
        var reads: [Value]
        var writes: [Value]
    }

    var steps: [Step] = []
    /// The bodies of the loops, as ranges of steps.
    var loops: [Range<Int>] = []
    /// The value that holds each of the function's results, in order. No value is a parameter, and no value occurs
    /// twice.
    var results: [Value] = []

    init(_ function: Function) {
        var alias: [String: Value] = [:]
        var names = FreshNames(for: function)
        func resolve(_ value: Value) -> Value { alias[value.name] ?? value }
        func append(_ operation: Operation) {
            var operation = operation
            operation.operands = operation.operands.map(resolve)
            steps.append(Step(action: .operation(operation), reads: operation.operands, writes: operation.results))
        }
        func copy(_ from: Value, _ into: Value) {
            steps.append(Step(action: .copy(from: from, into: into), reads: [from], writes: [into]))
        }

        for operation in function.operations {
            guard let body = operation.body else {
                append(operation)
                continue
            }
            for (first, carried) in zip(operation.operands, operation.results) { copy(resolve(first), carried) }
            for (parameter, carried) in zip(body.parameters, operation.results) { alias[parameter.name] = carried }
            let start = steps.count
            steps.append(Step(action: .loop(length: 0), reads: [], writes: []))
            for inner in body.operations { append(inner) }
            // A carried value may be yielded as another one, so all are read before any is overwritten.
            let next = body.yields.map(resolve)
            let carried = Set(operation.results.map(\.name))
            let staged = next.enumerated().map { index, value -> Value in
                guard carried.contains(value.name), value != operation.results[index] else { return value }
                let stage = Value(names.next("\(operation.results[index].name).next"), value.type)
                copy(value, stage)
                return stage
            }
            for (value, target) in zip(staged, operation.results) where value != target { copy(value, target) }
            steps[start].action = .loop(length: steps.count - start - 1)
            loops.append(start + 1..<steps.count)
        }

        var taken = Set(function.parameters.map(\.name))
        for (index, value) in function.returns.map(resolve).enumerated() {
            if taken.insert(value.name).inserted {
                results.append(value)
            } else {
                let own = Value(names.next("\(value.name).result\(index)"), value.type)
                copy(value, own)
                results.append(own)
            }
        }
    }
}
