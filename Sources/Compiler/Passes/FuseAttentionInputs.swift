import IR

/// The pass that fuses the projection to queries, keys and values with bias, rotary embedding and cache write. It looks
/// for the usual form of these operations, with queries of width E and keys and values of width F:
///
///     %qkv = linear %x, @w                      %v  = slice %qkv {from = E + F, to = E + 2F}
///     %qk  = slice %qkv {from = 0, to = E + F}  %k  = rope %k0, %position, @f
///     %qkb = bias %qk, @b                       %q  = rope %q0, %position, @f
///     %q0  = slice %qkb {from = 0, to = E}      cache_write %k, %v, %slot, %position, %depth, @cache
///     %k0  = slice %qkb {from = E, to = E + F}
///
/// Without a bias, `%q0` and `%k0` are slices of `%qkv`.
public struct FuseAttentionInputs: CacheWriteFusion {
    public let name = "fuse-attention-inputs"
    public let summary =
        "fuses projection, bias, rotary embedding and cache write: queries, keys and values are stored once"

    public init() {}

    func match(
        _ write: Int, _ operations: [Operation], _ block: BlockIndex, _ module: Module
    ) -> (indices: [Int], fused: Operation)? {
        /// The operation that defines `value`, if it has this opcode and the value is read `uses` times.
        func definition(_ value: Value, _ opcode: Opcode, _ uses: Int) -> Int? {
            guard let index = block.definition(of: value), operations[index].opcode == opcode,
                block.uses(of: value) == uses
            else { return nil }
            return index
        }

        let operands = operations[write].operands
        guard let keyRope = definition(operands[0], .rope, 1),
            let valueSlice = definition(operands[1], .slice, 1),
            let keySlice = definition(operations[keyRope].operands[0], .slice, 1),
            let source = operations[keySlice].operands.first,
            let projection = projection(source, definition, operations)
        else { return nil }
        let linear = projection.linear
        guard operations[valueSlice].operands == operations[linear].results else { return nil }

        // The queries are the columns before the keys, and the same rotary embedding turns them.
        guard
            let querySlice = block.readers(of: source).first(where: {
                $0 != keySlice && $0 != valueSlice && operations[$0].opcode == .slice
                    && block.uses(of: operations[$0].results[0]) == 1
            }),
            let queryRope = block.readers(of: operations[querySlice].results[0]).first(where: {
                operations[$0].opcode == .rope
            })
        else { return nil }

        let width = operations[queryRope].results[0].type.width
        let keyWidth = operations[keyRope].results[0].type.width
        let position = operands[3]
        guard projection.biased == nil || projection.biased == 0..<width + keyWidth,
            operations[valueSlice].slicedColumns == width + keyWidth..<width + 2 * keyWidth,
            operations[querySlice].slicedColumns == 0..<width,
            operations[keySlice].slicedColumns == width..<width + keyWidth,
            operations[linear].results[0].type.width == width + 2 * keyWidth,
            operations[queryRope].attributes["magnitude"] == operations[keyRope].attributes["magnitude"],
            operations[queryRope].symbols == operations[keyRope].symbols,
            operations[queryRope].operands[1] == position, operations[keyRope].operands[1] == position
        else { return nil }

        // The fused operation rotates the heads that the cache keeps, and queries of as many or a multiple.
        guard let cache = operations[write].cacheName.flatMap({ module.cache($0) }),
            let heads = operations[queryRope].integer("heads"), let keyHeads = operations[keyRope].integer("heads"),
            cache.type.shape.first == .fixed(keyHeads), heads.isMultiple(of: keyHeads),
            heads * keyWidth == keyHeads * width
        else { return nil }

        // The fused operation is placed at the cache write, so nothing before that may read the queries.
        let queries = operations[queryRope].results[0]
        guard queryRope < write, !block.readers(of: queries).contains(where: { $0 < write }) else { return nil }

        var attributes = operations[queryRope].attributes
        attributes["recurrence"] = operations[write].attributes["recurrence"]
        return (
            projection.indices + [querySlice, keySlice, valueSlice, queryRope, keyRope, write],
            Operation(
                .projectRopeWrite, [operations[linear].operands[0], operands[2], position, operands[4]],
                symbols: operations[linear].symbols + operations[queryRope].symbols + [cache.name] + projection.bias,
                attributes: attributes, results: [queries])
        )
    }

    /// The product that queries and keys are slices of, with a bias in between or without one.
    private struct Projection {
        var linear: Int
        /// The operations from the product to the value that is sliced.
        var indices: [Int]
        /// The bias's weight; empty if there is none.
        var bias: [String] = []
        /// The columns that the bias is added to; nil if there is none.
        var biased: Range<Int>?
    }

    private func projection(
        _ source: Value, _ definition: (Value, Opcode, Int) -> Int?, _ operations: [Operation]
    ) -> Projection? {
        if let linear = definition(source, .linear, 3) { return Projection(linear: linear, indices: [linear]) }
        guard let bias = definition(source, .bias, 2),
            let slice = definition(operations[bias].operands[0], .slice, 1),
            let linear = definition(operations[slice].operands[0], .linear, 2)
        else { return nil }
        return Projection(
            linear: linear, indices: [linear, slice, bias], bias: operations[bias].symbols,
            biased: operations[slice].slicedColumns)
    }
}
