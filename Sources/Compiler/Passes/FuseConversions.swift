import IR

/// The pass that lets the operation that computes a row write it in the format that the next matrix reads: as bf16, or
/// quantized. Operations whose work is divided by columns cannot quantize their rows and keep the conversion.
public struct FuseConversions: FunctionPass {
    public let name = "fuse-conversions"
    public let summary =
        "lets norms and gates write their rows in the format of the next matrix: no separate conversion"
    public let follows = [
        Predecessor("lower-weights", "it is what inserts the conversions"),
        Predecessor(
            "fuse-gate", "the fused gate cannot write the q8 rows that it would find its product written in"),
    ]

    public init() {}

    func rewrite(_ function: inout Function) {
        function.rewriteBlocks { operations, block in
            var edit = BlockEdit()
            var operations = operations
            for index in operations.indices where operations[index].opcode == .convert {
                let input = operations[index].operands[0]
                let element = operations[index].results[0].type.element
                guard block.uses(of: input) == 1, let producer = block.definition(of: input),
                    operations[producer].opcode.traits.storableElements.contains(element),
                    let place = operations[producer].results.firstIndex(of: input)
                else { continue }
                operations[producer].results[place] = operations[index].results[0]
                edit.remove(index)
            }
            return edit.applied(to: operations)
        }
    }
}
