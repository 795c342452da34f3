import IR

/// The pass that fuses the head with the argmax of greedy decoding. The logits, a row of the vocabulary's width for
/// every position, are then never stored.
public struct FuseArgmax: FunctionPass {
    public let name = "fuse-argmax"
    public let summary = "fuses the head with argmax: greedy decoding never stores logits"

    public init() {}

    func rewrite(_ function: inout Function) {
        function.rewriteBlocks { operations, block in
            var edit = BlockEdit()
            for index in operations.indices where operations[index].opcode == .argmax {
                let logits = operations[index].operands[0]
                guard let linear = block.definition(of: logits), operations[linear].opcode == .linear,
                    block.uses(of: logits) == 1
                else { continue }
                edit.replace(
                    [linear, index], at: index,
                    with: Operation(
                        .linearArgmax, operations[linear].operands, symbols: operations[linear].symbols,
                        results: operations[index].results))
            }
            return edit.applied(to: operations)
        }
    }
}
