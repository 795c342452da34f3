import Compiler
import Testing

@Suite struct FuseGateTests {
    static let text = """
        weight @w : f32[6,4]
        func @f(%x: f32[rows,4]) -> f32[rows,3] {
          %h = linear %x, @w : f32[rows,6]
          %g = slice %h {from = 0, to = 3} : f32[rows,3]
          %o = silu %g : f32[rows,3]
          %u = slice %h {from = 3, to = 6} : f32[rows,3]
          %y = multiply %o, %u : f32[rows,3]
          return %y
        }
        """
    static let fused = """
        weight @w : f32[6,4]
        func @f(%x: f32[rows,4]) -> f32[rows,3] {
          %y = linear_silu_gate %x, @w : f32[rows,3]
          return %y
        }
        """

    @Test(arguments: [
        Variation("gate times up"),
        Variation("up times gate", ("multiply %o, %u", "multiply %u, %o")),
        Variation(
            "up cut first", ("  %u = slice %h {from = 3, to = 6} : f32[rows,3]\n", ""),
            ("  %g = slice", "  %u = slice %h {from = 3, to = 6} : f32[rows,3]\n  %g = slice")),
    ])
    func `a gated product becomes one operation`(_ variation: Variation) throws {
        try expect(FuseGate(), of: variation.applied(to: Self.text), toGive: Self.fused)
    }

    @Test func `the result's bf16 is kept, and the loop around it`() throws {
        try expect(
            FuseGate(),
            of: """
                weight @w : bf16[8,4]
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  %r = repeat recurrences (%a = %x) : f32[rows,4] {
                    %low = convert %a : bf16[rows,4]
                    %h = linear %low, @w : f32[rows,8]
                    %g = slice %h {from = 0, to = 4} : f32[rows,4]
                    %o = silu %g : f32[rows,4]
                    %u = slice %h {from = 4, to = 8} : f32[rows,4]
                    %y = multiply %o, %u : bf16[rows,4]
                    yield %a
                  }
                  return %r
                }
                """,
            toGive: """
                weight @w : bf16[8,4]
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  %r = repeat recurrences (%a = %x) : f32[rows,4] {
                    %low = convert %a : bf16[rows,4]
                    %y = linear_silu_gate %low, @w : bf16[rows,4]
                    yield %a
                  }
                  return %r
                }
                """)
    }

    private static func returning(_ value: String, _ width: Int) -> Variation {
        Variation(
            "\(value) is read elsewhere", ("-> f32[rows,3]", "-> (f32[rows,3], f32[rows,\(width)])"),
            ("return %y", "return %y, \(value)"))
    }

    @Test(arguments: [
        Variation(
            "the gate is the second half", ("from = 0, to = 3", "A"), ("from = 3, to = 6", "from = 0, to = 3"),
            ("A", "from = 3, to = 6")),
        Variation("both from the first half", ("from = 3, to = 6", "from = 0, to = 3")),
        Variation("both from the second half", ("from = 0, to = 3", "from = 3, to = 6")),
        Variation("halves that overlap", ("from = 3, to = 6", "from = 2, to = 5")),
        Variation(
            "more columns than two halves", ("@w : f32[6,4]", "@w : f32[7,4]"), ("@w : f32[rows,6]", "@w : f32[rows,7]")
        ),
        Variation(
            "silu on both", ("multiply %o, %u", "multiply %o, %p"), ("  %y", "  %p = silu %u : f32[rows,3]\n  %y")),
        Variation("silu times itself", ("multiply %o, %u", "multiply %o, %o")),
        Variation("no silu", ("%o = silu %g", "%o = add %g, %g")),
        Variation("a sum instead of a product", ("multiply", "add")),
        Variation(
            "halves of two products", ("slice %h {from = 3", "slice %i {from = 3"),
            ("  %g", "  %i = linear %x, @w : f32[rows,6]\n  %g")),
        Variation("not a matrix's product", ("  %g", "  %i = silu %h : f32[rows,6]\n  %g"), ("slice %h", "slice %i")),
        returning("%h", 6), returning("%g", 3), returning("%o", 3), returning("%u", 3),
    ])
    func `what only looks alike is kept`(_ variation: Variation) throws {
        try expect(FuseGate(), toKeep: variation.applied(to: Self.text))
    }
}
