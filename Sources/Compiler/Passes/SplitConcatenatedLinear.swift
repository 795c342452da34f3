import IR

/// The pass that splits a matrix that reads a concatenation into one matrix for each half: `[a ; b] Wᵀ = a Wₐᵀ + b
/// W_bᵀ`. A recurrence that reads state and input side by side has such a matrix, the adapter. The input's half then no
/// longer depends on the recurrence.
public struct SplitConcatenatedLinear: Pass {
    public let name = "split-adapter"
    public let summary =
        "splits a matrix over [state ; input] into two halves, one of which does not change with the state"

    public init() {}

    public func run(_ module: Module) throws -> Module {
        var result = module
        var declared: Set<String> = []
        for index in module.functions.indices {
            var names = FreshNames(for: module.functions[index])
            result.functions[index].rewriteBlocks { operations, block in
                operations.flatMap { operation -> [Operation] in
                    guard operation.opcode == .linear, let joined = operation.operands.first,
                        let definition = block.definition(of: joined), operations[definition].opcode == .concat,
                        let weight = operation.symbols.first.flatMap({ module.weight($0) }),
                        weight.pieces.allSatisfy({ $0.columns == nil }),
                        case .fixed(let outputs)? = weight.type.shape.first
                    else { return [operation] }
                    var column = 0
                    let halves = operations[definition].operands.map { operand in
                        let columns = column..<column + operand.type.width
                        column = columns.upperBound
                        let half = Weight(
                            "\(weight.name).\(columns.lowerBound)_\(columns.upperBound)",
                            .fixed(weight.type.element, outputs, columns.count),
                            source: .pieces(weight.pieces.map { $0.taking(columns) }))
                        if declared.insert(half.name).inserted { result.weights.append(half) }
                        let value = Value(
                            names.next("\(operation.results[0].name).\(column)"), operation.results[0].type)
                        return Operation(.linear, [operand], symbols: [half.name], results: [value])
                    }
                    return halves + [Operation(.add, halves.map { $0.results[0] }, results: operation.results)]
                }
            }
        }
        return try DropDeadCode().run(result)
    }
}

extension WeightPiece {
    /// The same rows, of which only some columns belong to the weight.
    fileprivate func taking(_ columns: Range<Int>) -> WeightPiece {
        var piece = self
        piece.columns = columns
        return piece
    }
}
