import IR

/// The pass that fuses a residual addition with the norms after it, so that a row is read once and stays in the nearest
/// cache. There are three forms: norm(a + b) alone, norm(a + b) and the next norm, and a + b kept together with its
/// norm.
public struct FuseResidualNorm: FunctionPass {
    public let name = "fuse-residual-norm"
    public let summary = "fuses residual additions with the norms that follow them: each row is read and written once"

    public init() {}

    func rewrite(_ function: inout Function) {
        function.rewriteBlocks { operations, block in
            /// The first norm of this block that reads `value` and that no other match has taken.
            func norm(of value: Value, after index: Int, unless edit: BlockEdit) -> Int? {
                block.readers(of: value).first {
                    $0 > index && operations[$0].opcode == .norm && !edit.hasRemoved($0)
                }
            }
            var edit = BlockEdit()
            for index in operations.indices where operations[index].opcode == .add {
                let sum = operations[index].results[0]
                guard let first = norm(of: sum, after: index, unless: edit) else { continue }
                let attributes = operations[first].attributes
                let normed = operations[first].results[0]
                if block.uses(of: sum) > 1 {
                    // The norm reads only the operands of the addition, so it can move up to it.
                    edit.replace(
                        [index, first], at: index,
                        with: Operation(
                            .addKeepNorm, operations[index].operands, symbols: operations[first].symbols,
                            attributes: attributes, results: [sum, normed]))
                } else if let second = norm(of: normed, after: first, unless: edit),
                    operations[second].attributes == attributes
                {
                    edit.replace(
                        [index, first, second], at: index,
                        with: Operation(
                            .addNormNorm, operations[index].operands,
                            symbols: operations[first].symbols + operations[second].symbols,
                            attributes: attributes, results: [normed] + operations[second].results))
                } else {
                    edit.replace(
                        [index, first], at: index,
                        with: Operation(
                            .addNorm, operations[index].operands, symbols: operations[first].symbols,
                            attributes: attributes, results: [normed]))
                }
            }
            return edit.applied(to: operations)
        }
    }
}
