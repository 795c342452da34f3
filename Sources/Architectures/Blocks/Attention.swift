import IR

/// The attention of a block, from its input to its output projection. Heads may share keys and values (grouped-query
/// attention, arXiv 2305.13245).
struct Attention {
    /// E, the width of the residual stream.
    var width: Int
    /// H, the number of heads of the queries.
    var heads: Int
    /// The number of heads of keys and values, which divides H.
    var keyHeads: Int
    /// D, the number of columns of a head.
    var dimension: Int
    var rotary: RotaryEmbedding
    /// The matrix to queries, keys and values.
    var projection: StackedMatrix
    /// The tensor of the biases of queries, then of keys, and its stored shape; nil if there is none.
    var bias: (name: String, shape: [Int])?
    /// The norms of queries and of keys over all their heads; nil if there are none.
    var norms: (queries: String, keys: String, eps: Float)?
    /// The tensor of the matrix from the heads to the residual stream, `[E, H·D]`.
    var output: String
    /// The name of the cache.
    var cache: String
    /// The recurrence whose keys and values the block reads and writes; `.number(0)` for a block that runs once.
    var recurrence: Recurrence

    private var queryWidth: Int { heads * dimension }
    private var keyWidth: Int { keyHeads * dimension }

    /// Appends the block's attention to `x`, before it is added to the residual stream.
    func callAsFunction(_ b: inout FunctionBuilder, _ rows: RowParameters, _ x: Value) -> Value {
        let cache = b.cache(cache, heads: keyHeads, dimension: dimension, isRecurrent: recurrence == .induction)
        let columns = projection.declare(
            in: &b, [queryWidth, keyWidth, keyWidth], width: width,
            pairings: [rotary.pairing(heads), rotary.pairing(keyHeads), .interleaved],
            stackedPairing: rotary.pairing(heads + keyHeads))
        let qkv = b.linear(x, columns, named: "qkv")
        var source = qkv
        if let bias {
            let piece = WeightPiece(bias.name, shape: bias.shape, pairing: rotary.pairing(heads + keyHeads))
            let weight = b.weight(
                bias.name, queryWidth + keyWidth,
                source: bias.shape == [queryWidth + keyWidth] && piece.pairing == .interleaved ? nil : .pieces([piece]))
            source = b.bias(b.slice(qkv, 0..<queryWidth + keyWidth), weight)
        }
        let queries = turned(&b, rows, b.slice(source, 0..<queryWidth), norms?.queries, heads, "q")
        let keys = turned(
            &b, rows, b.slice(source, queryWidth..<queryWidth + keyWidth), norms?.keys, keyHeads, "k")
        let values = b.slice(qkv, queryWidth + keyWidth..<queryWidth + 2 * keyWidth, named: "v")
        b.cacheWrite(
            keys, values, slot: rows.slot, position: rows.position, depth: rows.depth, cache, recurrence: recurrence)
        let mixed = b.wavefrontAttention(
            queries, slot: rows.slot, position: rows.position, depth: rows.depth, cache, heads: heads,
            recurrence: recurrence, named: "attention")
        return b.linear(mixed, b.weight(output, width, queryWidth))
    }

    /// Queries or keys, normed if the model does that, and turned.
    private func turned(
        _ b: inout FunctionBuilder, _ rows: RowParameters, _ x: Value, _ norm: String?, _ heads: Int, _ name: String
    ) -> Value {
        var x = x
        if let norm, let eps = norms?.eps {
            let pairing = rotary.pairing(heads)
            let width = heads * dimension
            let source = WeightSource.pieces([WeightPiece(norm, shape: [width], pairing: pairing)])
            x = b.norm(x, b.weight(norm, width, source: pairing == .interleaved ? nil : source), eps: eps)
        }
        return b.rope(
            x, rows.position, rotary.declare(in: &b, dimension: dimension), heads: heads, magnitude: rotary.magnitude,
            named: name)
    }
}

/// The rotary embedding of a model.
struct RotaryEmbedding: Hashable {
    var frequencies: RotaryFrequencies
    /// The factor of turned queries and keys.
    var magnitude: Float = 1
    /// Whether the model pairs the columns j and j + D/2 of a head of D columns; otherwise 2j and 2j + 1.
    var pairsHalves: Bool
    /// D, the number of columns of a head.
    var dimension: Int

    /// The order of the rows of a tensor that begins with `heads` heads to turn.
    func pairing(_ heads: Int) -> RotaryPairing {
        pairsHalves ? .halves(heads: heads, dimension: dimension) : .interleaved
    }

    /// Declares the frequencies.
    func declare(in b: inout FunctionBuilder, dimension: Int) -> String {
        b.weight("rotary.frequencies", dimension / 2, source: .frequencies(frequencies))
    }
}
