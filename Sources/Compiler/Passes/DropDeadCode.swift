import IR

/// The pass that drops pure operations whose results nothing reads, and weights and caches that no function names.
public struct DropDeadCode: Pass {
    public let name = "drop-dead-code"
    public let summary = "drops operations whose results nothing reads and weights that nothing names"

    public init() {}

    public func run(_ module: Module) throws -> Module {
        var module = module
        var symbols: Set<String> = []
        for index in module.functions.indices {
            var live = Set(module.functions[index].returns.map(\.name))
            module.functions[index].operations = sweep(
                module.functions[index].operations, live: &live, symbols: &symbols)
        }
        module.weights.removeAll { !symbols.contains($0.name) }
        module.caches.removeAll { !symbols.contains($0.name) }
        return module
    }

    /// Walks backwards and keeps the operations that a later one reads.
    private func sweep(_ operations: [Operation], live: inout Set<String>, symbols: inout Set<String>) -> [Operation] {
        var kept: [Operation] = []
        for var operation in operations.reversed() {
            if operation.opcode.traits.isPure && !operation.results.contains(where: { live.contains($0.name) }) {
                continue
            }
            if let body = operation.body {
                live.formUnion(body.yields.map(\.name))
                operation.body?.operations = sweep(body.operations, live: &live, symbols: &symbols)
            }
            live.formUnion(operation.operands.map(\.name))
            symbols.formUnion(operation.symbols)
            kept.append(operation)
        }
        return kept.reversed()
    }
}
