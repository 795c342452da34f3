import IR

/// The pass that fuses the norms of queries and keys with rotary embedding and cache write, for models that norm both
/// over all their heads. It looks for this form, with queries of width E and keys and values of width F:
///
///     %q0 = slice %qkv {from = 0, to = E}         %kn = norm %k0, @w
///     %qn = norm %q0, @v                          %k  = rope %kn, %position, @f
///     %q  = rope %qn, %position, @f               %v0 = slice %qkv {from = E + F, to = E + 2F}
///     %k0 = slice %qkv {from = E, to = E + F}     cache_write %k, %v0, %slot, %position, %depth, @cache
public struct FuseNormedHeads: CacheWriteFusion {
    public let name = "fuse-normed-heads"
    public let summary =
        "fuses norms of queries and keys, rotary embedding and cache write: each row is read and written once"

    public init() {}

    /// Queries or keys on their way from the product to the attention.
    private struct Heads {
        var slice: Int
        var norm: Int
        var rope: Int

        /// The operations that lead to a rotary embedding; nil if they have another form.
        init?(rope: Int, _ operations: [Operation], _ block: BlockIndex) {
            func definition(_ value: Value, _ opcode: Opcode) -> Int? {
                guard let index = block.definition(of: value), operations[index].opcode == opcode,
                    block.uses(of: value) == 1
                else { return nil }
                return index
            }
            guard operations[rope].opcode == .rope,
                let norm = definition(operations[rope].operands[0], .norm),
                let slice = definition(operations[norm].operands[0], .slice)
            else { return nil }
            (self.slice, self.norm, self.rope) = (slice, norm, rope)
        }

        var indices: [Int] { [slice, norm, rope] }
    }

    func match(
        _ write: Int, _ operations: [Operation], _ block: BlockIndex, _ module: Module
    ) -> (indices: [Int], fused: Operation)? {
        let operands = operations[write].operands
        guard block.uses(of: operands[0]) == 1, block.uses(of: operands[1]) == 1,
            let keys = block.definition(of: operands[0]).flatMap({ Heads(rope: $0, operations, block) }),
            let values = block.definition(of: operands[1]), operations[values].opcode == .slice,
            operations[values].operands == operations[keys.slice].operands,
            let product = operations[values].operands.first
        else { return nil }
        // The queries are the other slice of the product that is normed and turned.
        let queries = block.readers(of: product).lazy
            .filter { $0 != keys.slice && $0 != values && operations[$0].opcode == .slice }
            .compactMap { block.readers(of: operations[$0].results[0]).first { operations[$0].opcode == .norm } }
            .compactMap { block.readers(of: operations[$0].results[0]).first { operations[$0].opcode == .rope } }
            .compactMap { Heads(rope: $0, operations, block) }.first
        guard let queries, block.uses(of: product) == 3 else { return nil }

        let turned = operations[queries.rope].results[0]
        let (width, keyWidth) = (turned.type.width, operands[0].type.width)
        let position = operands[3]
        guard operations[queries.slice].slicedColumns == 0..<width,
            operations[keys.slice].slicedColumns == width..<width + keyWidth,
            operations[values].slicedColumns == width + keyWidth..<width + 2 * keyWidth,
            product.type.width == width + 2 * keyWidth,
            operations[queries.norm].attributes == operations[keys.norm].attributes,
            operations[queries.rope].symbols == operations[keys.rope].symbols,
            operations[queries.rope].operands[1] == position, operations[keys.rope].operands[1] == position,
            // The fused operation has no room for another magnitude.
            operations[queries.rope].float("magnitude") == 1, operations[keys.rope].float("magnitude") == 1
        else { return nil }

        guard let cache = operations[write].cacheName.flatMap({ module.cache($0) }),
            let heads = operations[queries.rope].integer("heads"),
            let keyHeads = operations[keys.rope].integer("heads"),
            cache.type.shape.first == .fixed(keyHeads), heads.isMultiple(of: keyHeads),
            heads * keyWidth == keyHeads * width
        else { return nil }

        // The fused operation is placed at the cache write, so nothing before that may read the queries.
        guard queries.rope < write, !block.readers(of: turned).contains(where: { $0 < write }) else { return nil }
        var attributes = operations[queries.norm].attributes
        attributes["heads"] = .integer(heads)
        attributes["recurrence"] = operations[write].attributes["recurrence"]
        return (
            queries.indices + keys.indices + [values, write],
            Operation(
                .normRopeWrite, [product, operands[2], position, operands[4]],
                symbols: operations[queries.norm].symbols + operations[keys.norm].symbols
                    + operations[queries.rope].symbols + [cache.name],
                attributes: attributes, results: [turned])
        )
    }
}
