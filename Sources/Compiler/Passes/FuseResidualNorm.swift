import IR

/// The pass that fuses a residual addition with the norms around it, so that a row is read once and stays in the nearest
/// cache. There are five forms:
///
/// - norm(a + b) alone; norm(a + b) and the norm of that; a + b, kept, and its norm;
/// - norm(a) + b, for blocks that norm what they add; and norm(a) + b, kept, and its norm.
public struct FuseResidualNorm: FunctionPass {
    public let name = "fuse-residual-norm"
    public let summary = "fuses residual additions with the norms around them: each row is read and written once"

    public init() {}

    func rewrite(_ function: inout Function) {
        function.rewriteBlocks { operations, block in
            var edit = BlockEdit()
            for index in operations.indices where operations[index].opcode == .add {
                guard let (indices, fused) = fused(index, operations, block, edit) else { continue }
                edit.replace(indices, at: index, with: fused)
            }
            return edit.applied(to: operations)
        }
    }

    /// The operations to replace at the addition with this index, and the one that replaces them.
    private func fused(
        _ index: Int, _ operations: [Operation], _ block: BlockIndex, _ edit: BlockEdit
    ) -> (indices: [Int], fused: Operation)? {
        /// The first norm of this block that reads `value` and that no other match has taken.
        func norm(of value: Value, after index: Int) -> Int? {
            block.readers(of: value).first {
                $0 > index && operations[$0].opcode == .norm && !edit.hasRemoved($0)
            }
        }
        let sum = operations[index].results[0]
        let next = norm(of: sum, after: index)
        if let inner = innerNorm(of: index, operations, block, edit) {
            let normed = operations[inner.norm]
            guard let next, operations[next].attributes == normed.attributes else {
                return (
                    [inner.norm, index],
                    Operation(
                        .normAdd, [normed.operands[0], inner.other], symbols: normed.symbols,
                        attributes: normed.attributes, results: [sum])
                )
            }
            // The norm reads only the sum, so it can move up to the addition.
            return (
                [inner.norm, index, next],
                Operation(
                    .normAddKeepNorm, [normed.operands[0], inner.other],
                    symbols: normed.symbols + operations[next].symbols, attributes: normed.attributes,
                    results: [sum] + operations[next].results)
            )
        }
        guard let next else { return nil }
        let attributes = operations[next].attributes
        let normed = operations[next].results[0]
        func fused(_ opcode: Opcode, _ norms: [Int], results: [Value]) -> (indices: [Int], fused: Operation) {
            (
                [index] + norms,
                Operation(
                    opcode, operations[index].operands, symbols: norms.flatMap { operations[$0].symbols },
                    attributes: attributes, results: results)
            )
        }
        if block.uses(of: sum) > 1 { return fused(.addKeepNorm, [next], results: [sum, normed]) }
        if let second = norm(of: normed, after: next), operations[second].attributes == attributes {
            return fused(.addNormNorm, [next, second], results: [normed] + operations[second].results)
        }
        return fused(.addNorm, [next], results: [normed])
    }

    /// The norm that one operand of an addition is, if nothing else reads it, and the other operand.
    private func innerNorm(
        of addition: Int, _ operations: [Operation], _ block: BlockIndex, _ edit: BlockEdit
    ) -> (norm: Int, other: Value)? {
        let operands = operations[addition].operands
        for (operand, other) in [(operands[0], operands[1]), (operands[1], operands[0])] {
            if let norm = block.definition(of: operand), operations[norm].opcode == .norm,
                block.uses(of: operand) == 1, !edit.hasRemoved(norm),
                operations[addition].results[0].type.element == .f32
            {
                return (norm, other)
            }
        }
        return nil
    }
}
