import IR

/// The pass that moves operations out of a loop if they compute the same in every iteration. In a model
/// whose recurrences read state and input through one matrix, that is the input's half of the product: it is then read
/// once a call instead of once a recurrence.
public struct HoistInvariants: FunctionPass {
    public let name = "hoist-invariants"
    public let summary = "moves out of the recurrence what does not change over it, so that it is computed once a call"
    public let follows = [
        Predecessor(
            "split-adapter",
            "a matrix over state and input changes with the state, and only its half for the input can be moved out")
    ]

    public init() {}

    func rewrite(_ function: inout Function) {
        function.operations = function.operations.flatMap { operation in
            guard let body = operation.body else { return [operation] }
            var varying = Set(body.parameters.map(\.name))
            var hoisted: [Operation] = []
            var kept: [Operation] = []
            for inner in body.operations {
                if inner.opcode.traits.isPure && !inner.operands.contains(where: { varying.contains($0.name) }) {
                    hoisted.append(inner)
                } else {
                    varying.formUnion(inner.results.map(\.name))
                    kept.append(inner)
                }
            }
            var loop = operation
            loop.body?.operations = kept
            return hoisted + [loop]
        }
    }
}
