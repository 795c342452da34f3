import IR

/// Lets the operation that computes a row write it in the format in which the next matrix reads it: as bf16, or quantized
/// in the same pass. What is computed in shares of columns cannot be quantized on the way, and keeps its conversion.
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
