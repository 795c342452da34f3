import IR
import Testing

/// The verifier's checks of weights, caches and the names of functions.
@Suite struct DeclarationTests {
    /// A module with a weight of 2 × 3 numbers that is made of some parts.
    static func made(of pieces: WeightPiece...) -> Module {
        Module(weights: [Weight("w", .fixed(.f32, 2, 3), source: .pieces(pieces))])
    }

    static let badDeclarations: [(Module, String)] = [
        (
            Module(weights: [Weight("w", .fixed(.i32, 4))]),
            "weight @w is i32[4], expected f32 or bf16 with one or two extents"
        ),
        (
            Module(weights: [Weight("w", .fixed(.int8, 4))]),
            "weight @w is int8[4], expected f32 or bf16 with one or two extents"
        ),
        (
            Module(weights: [Weight("w", .fixed(.int4, 4))]),
            "weight @w is int4[4], expected f32 or bf16 with one or two extents"
        ),
        (
            Module(weights: [Weight("w", .fixed(.q8, 4, 4))]),
            "weight @w is q8[4,4], expected f32 or bf16 with one or two extents from 1 to 2147483647, "
                + "or int8 or int4 with two"
        ),
        (Module(weights: [Weight("w", .fixed(.f32, 1, 2, 3))]), "weight @w is f32[1,2,3], expected"),
        (Module(weights: [Weight("w", .fixed(.f32, 0))]), "weight @w is f32[0], expected"),
        (Module(weights: [Weight("w", .rows(.f32, 4))]), "weight @w is f32[rows,4], expected"),
        (Module(weights: [Weight("w", .fixed(.f32, Int.max, Int.max))]), "weight @w is f32["),
        (
            Module(weights: [Weight("w", .fixed(.f32, 4)), Weight("w", .fixed(.f32, 4))]),
            "weight @w is declared twice; weights and caches share their names"
        ),
        (
            Module(
                weights: [Weight("w", .fixed(.f32, 4))], caches: [Cache("w", .fixed(.f32, 1, 2), isRecurrent: false)]),
            "cache @w is declared twice"
        ),
        (
            Module(caches: [Cache("c", .fixed(.bf16, 1, 2), isRecurrent: false)]),
            "cache @c is bf16[1,2], expected f32[heads,dim]"
        ),
        (
            Module(caches: [Cache("c", .fixed(.f32, 65536, 65536), isRecurrent: true)]),
            "cache @c is f32[65536,65536], expected f32[heads,dim]"
        ),
        (
            made(of: WeightPiece("t", shape: [2, 4], columns: 0..<2)),
            "weight @w : f32[2,3] has 2 columns of @t, expected as many as its own"
        ),
        (
            made(of: WeightPiece("t", shape: [2, 4])),
            "weight @w : f32[2,3] has 4 columns of @t, expected as many as its own"
        ),
        (
            made(of: WeightPiece("t", shape: [2, 4], columns: 2..<5)),
            "weight @w : f32[2,3] has the columns 2 ..< 5 of @t, which has 4"
        ),
        (
            made(of: WeightPiece("t", shape: [2, 4], columns: -1..<2)),
            "weight @w : f32[2,3] has the columns -1 ..< 2 of @t, which has 4"
        ),
        (made(of: WeightPiece("t", shape: [3, 3])), "weight @w : f32[2,3] has parts with 3 rows, expected 2"),
        (
            made(of: WeightPiece("t", shape: [2, 3]), WeightPiece("u", shape: [1, 3])),
            "weight @w : f32[2,3] has parts with 3 rows, expected 2"
        ),
        (made(), "weight @w : f32[2,3] has parts with 0 rows, expected 2"),
        (
            made(of: WeightPiece("t", shape: [3])),
            "weight @w : f32[2,3] has the part @t of the shape [3], expected two extents"
        ),
        (
            made(of: WeightPiece("t", shape: [.max, .max, 3])),
            "weight @w : f32[2,3] has a part @t of the shape [\(Int.max), \(Int.max), 3], which is too large"
        ),
        (
            made(of: WeightPiece("t", shape: [2, 3], pairing: .halves(heads: 1, dimension: 4))),
            "weight @w : f32[2,3] has the part @t with 2 rows, expected room for 1 heads of 4 rows, an even number"
        ),
        (
            made(of: WeightPiece("t", shape: [2, 3], pairing: .halves(heads: 2, dimension: 1))),
            "weight @w : f32[2,3] has the part @t with 2 rows, expected room for 2 heads of 1 rows, an even number"
        ),
        (
            made(of: WeightPiece("t", shape: [2, 3], pairing: .halves(heads: .max, dimension: 2))),
            "weight @w : f32[2,3] has the part @t with 2 rows, expected room for \(Int.max) heads of 2 rows, an even number"
        ),
        (
            Module(weights: [
                Weight("w", .fixed(.f32, 2, 3), source: .pieces([WeightPiece("a b", shape: [2, 3])]))
            ]), "the tensor name \"a b\" is not made of"
        ),
        (
            Module(weights: [Weight("w", .fixed(.f32, 2, 3), source: .frequencies(RotaryFrequencies(base: 10)))]),
            "weight @w : f32[2,3] is frequencies, expected a vector of f32"
        ),
        (
            Module(weights: [Weight("w", .fixed(.bf16, 2), source: .frequencies(RotaryFrequencies(base: 10)))]),
            "weight @w : bf16[2] is frequencies, expected a vector of f32"
        ),
        (
            Module(functions: [Function("f", parameters: []), Function("f", parameters: [])]),
            "function @f is declared twice; its name must be unique"
        ),
    ]

    @Test(arguments: badDeclarations)
    func `declarations are checked`(_ module: Module, _ start: String) {
        let error = #expect(throws: VerificationError.self) { try verify(module) }
        #expect(error?.description.hasPrefix(start) == true, "\(error?.description ?? "")")
    }
}
