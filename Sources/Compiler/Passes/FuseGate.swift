import IR

/// The pass that fuses the first matrix of a gated MLP with its gate: `silu(x W₁ᵀ) · (x W₂ᵀ)`, where W stacks W₁ over
/// W₂. The matrix's full output, the widest of a block, is never stored.
public struct FuseGate: FunctionPass {
    public let name = "fuse-gate"
    public let summary =
        "fuses gate and up projections with silu and their product: the widest activation is never stored"

    public init() {}

    func rewrite(_ function: inout Function) {
        function.rewriteBlocks { operations, block in
            var edit = BlockEdit()
            for index in operations.indices where operations[index].opcode == .multiply {
                let factors = operations[index].operands
                let element = operations[index].results[0].type.element
                guard element == .f32 || Opcode.linearSiluGate.traits.storableElements.contains(element),
                    let match = match(gate: factors[0], up: factors[1], operations, block)
                        ?? match(gate: factors[1], up: factors[0], operations, block)
                else { continue }
                let linear = operations[match[0]]
                edit.replace(
                    match + [index], at: index,
                    with: Operation(
                        .linearSiluGate, linear.operands, symbols: linear.symbols, results: operations[index].results))
            }
            return edit.applied(to: operations)
        }
    }

    /// The indices of linear, silu and both slices if `gate` and `up` are the halves of one product; else nil.
    private func match(gate: Value, up: Value, _ operations: [Operation], _ block: BlockIndex) -> [Int]? {
        guard let silu = block.definition(of: gate), operations[silu].opcode == .silu, block.uses(of: gate) == 1,
            let gateSlice = block.definition(of: operations[silu].operands[0]),
            operations[gateSlice].opcode == .slice, block.uses(of: operations[silu].operands[0]) == 1,
            let upSlice = block.definition(of: up), operations[upSlice].opcode == .slice, block.uses(of: up) == 1,
            operations[gateSlice].operands == operations[upSlice].operands,
            let product = operations[upSlice].operands.first, let linear = block.definition(of: product),
            operations[linear].opcode == .linear, block.uses(of: product) == 2
        else { return nil }
        let half = gate.type.width
        guard product.type.width == 2 * half,
            operations[gateSlice].integer("from") == 0, operations[gateSlice].integer("to") == half,
            operations[upSlice].integer("from") == half, operations[upSlice].integer("to") == 2 * half
        else { return nil }
        return [linear, gateSlice, silu, upSlice]
    }
}
