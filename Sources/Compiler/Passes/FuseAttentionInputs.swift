import IR

/// The pass that fuses the projection to queries, keys and values with bias, rotary embedding and cache write. It looks
/// for the usual form of these operations:
///
///     %qkv = linear %x, @w                   %v  = slice %qkv {from = 2E, to = 3E}
///     %qk  = slice %qkv {from = 0, to = 2E}  %k  = rope %k0, %position
///     %qkb = bias %qk, @b                    %q  = rope %q0, %position
///     %q0  = slice %qkb {from = 0, to = E}   cache_write %k, %v, %slot, %position, %depth, @cache
///     %k0  = slice %qkb {from = E, to = 2E}
public struct FuseAttentionInputs: Pass {
    public let name = "fuse-attention-inputs"
    public let summary =
        "fuses projection, bias, rotary embedding and cache write: queries, keys and values are stored once"

    public init() {}

    public func run(_ module: Module) throws -> Module {
        var result = module
        for function in module.functions.indices {
            result.functions[function].rewriteBlocks { operations, block in
                var edit = BlockEdit()
                for index in operations.indices where operations[index].opcode == .cacheWrite {
                    guard let match = match(index, operations, block, module) else { continue }
                    edit.replace(match.indices, at: index, with: match.fused)
                }
                return edit.applied(to: operations)
            }
        }
        return result
    }

    private func match(
        _ write: Int, _ operations: [Operation], _ block: BlockIndex, _ module: Module
    ) -> (indices: [Int], fused: Operation)? {
        /// The operation that defines `value`, if it has this opcode and the value is read `uses` times.
        func definition(_ value: Value, _ opcode: Opcode, uses: Int) -> Int? {
            guard let index = block.definition(of: value), operations[index].opcode == opcode,
                block.uses(of: value) == uses
            else { return nil }
            return index
        }
        func range(_ index: Int) -> Range<Int>? {
            guard let from = operations[index].integer("from"), let to = operations[index].integer("to"), from <= to
            else { return nil }
            return from..<to
        }

        let operands = operations[write].operands
        guard let keyRope = definition(operands[0], .rope, uses: 1),
            let valueSlice = definition(operands[1], .slice, uses: 1),
            let keySlice = definition(operations[keyRope].operands[0], .slice, uses: 1),
            let bias = definition(operations[keySlice].operands[0], .bias, uses: 2),
            let pairSlice = definition(operations[bias].operands[0], .slice, uses: 1),
            let linear = definition(operations[pairSlice].operands[0], .linear, uses: 2),
            operations[valueSlice].operands == operations[linear].results
        else { return nil }

        // The other reader of the biased columns has to be the half of the queries, which the same rotary embedding
        // turns.
        let biased = operations[bias].results[0]
        guard
            let querySlice = block.readers(of: biased).first(where: {
                $0 != keySlice && operations[$0].opcode == .slice && block.uses(of: operations[$0].results[0]) == 1
            }),
            let queryRope = block.readers(of: operations[querySlice].results[0]).first(where: {
                operations[$0].opcode == .rope
            })
        else { return nil }

        let width = operations[queryRope].results[0].type.width
        let position = operands[3]
        guard range(pairSlice) == 0..<2 * width, range(valueSlice) == 2 * width..<3 * width,
            range(querySlice) == 0..<width, range(keySlice) == width..<2 * width,
            operations[linear].results[0].type.width == 3 * width,
            operations[queryRope].attributes == operations[keyRope].attributes,
            operations[queryRope].operands[1] == position, operations[keyRope].operands[1] == position
        else { return nil }

        // The fused operation rotates the heads that the cache keeps.
        guard let cache = operations[write].symbols.first.flatMap({ module.cache($0) }),
            let heads = operations[queryRope].integer("heads"), cache.type.shape.first == .fixed(heads)
        else { return nil }

        // The fused operation is placed at the cache write, so nothing before that may read the queries.
        let queries = operations[queryRope].results[0]
        guard queryRope < write, !block.readers(of: queries).contains(where: { $0 < write }) else { return nil }

        var attributes = operations[queryRope].attributes
        attributes["recurrence"] = operations[write].attributes["recurrence"]
        return (
            [linear, pairSlice, bias, querySlice, keySlice, valueSlice, queryRope, keyRope, write],
            Operation(
                .projectRopeWrite, [operations[linear].operands[0], operands[2], position, operands[4]],
                symbols: operations[linear].symbols + operations[bias].symbols + operations[write].symbols,
                attributes: attributes, results: [queries])
        )
    }
}
