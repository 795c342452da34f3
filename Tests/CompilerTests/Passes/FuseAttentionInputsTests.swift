import Compiler
import Testing

@Suite struct FuseAttentionInputsTests {
    static let declarations = """
        weight @w : f32[12,4]
        weight @b : f32[8]
        cache @c : f32[2,2] recurrent

        """
    static let parameters =
        "%x: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows], %other: i32[rows]"
    static let text =
        declarations + """
            func @f(\(parameters)) -> f32[rows,4] {
              %qkv = linear %x, @w : f32[rows,12]
              %qk = slice %qkv {from = 0, to = 8} : f32[rows,8]
              %biased = bias %qk, @b : f32[rows,8]
              %q0 = slice %biased {from = 0, to = 4} : f32[rows,4]
              %q = rope %q0, %position {heads = 2, base = 100.0} : f32[rows,4]
              %k0 = slice %biased {from = 4, to = 8} : f32[rows,4]
              %k = rope %k0, %position {heads = 2, base = 100.0} : f32[rows,4]
              %v = slice %qkv {from = 8, to = 12} : f32[rows,4]
              cache_write %k, %v, %slot, %position, %depth, @c {recurrence = 3}
              %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 2, recurrence = 3} : f32[rows,4]
              return %y
            }
            """

    @Test func `projection, bias, rotary embedding and cache write become one operation at the write`() throws {
        try expect(
            FuseAttentionInputs(), of: Self.text,
            toGive: Self.declarations + """
                func @f(\(Self.parameters)) -> f32[rows,4] {
                  %q = project_rope_write %x, %slot, %position, %depth, @w, @b, @c {heads = 2, base = 100.0, recurrence = 3} : f32[rows,4]
                  %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 2, recurrence = 3} : f32[rows,4]
                  return %y
                }
                """)
    }

    @Test func `the same in a loop, in another order, and twice, with induction kept`() throws {
        try expect(
            FuseAttentionInputs(),
            of: Self.declarations + """
                func @f(\(Self.parameters)) -> f32[rows,4] {
                  %r = repeat recurrences (%a = %x) : f32[rows,4] {
                    %qkv = linear %a, @w : f32[rows,12]
                    %v = slice %qkv {from = 8, to = 12} : f32[rows,4]
                    %qk = slice %qkv {from = 0, to = 8} : f32[rows,8]
                    %biased = bias %qk, @b : f32[rows,8]
                    %k0 = slice %biased {from = 4, to = 8} : f32[rows,4]
                    %q0 = slice %biased {from = 0, to = 4} : f32[rows,4]
                    %k = rope %k0, %position {heads = 2, base = 100.0} : f32[rows,4]
                    %q = rope %q0, %position {heads = 2, base = 100.0} : f32[rows,4]
                    cache_write %k, %v, %slot, %position, %depth, @c {recurrence = induction}
                    %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 2, recurrence = induction} : f32[rows,4]
                    %qkv.1 = linear %y, @w : f32[rows,12]
                    %v.1 = slice %qkv.1 {from = 8, to = 12} : f32[rows,4]
                    %qk.1 = slice %qkv.1 {from = 0, to = 8} : f32[rows,8]
                    %biased.1 = bias %qk.1, @b : f32[rows,8]
                    %k0.1 = slice %biased.1 {from = 4, to = 8} : f32[rows,4]
                    %q0.1 = slice %biased.1 {from = 0, to = 4} : f32[rows,4]
                    %k.1 = rope %k0.1, %position {heads = 2, base = 100.0} : f32[rows,4]
                    %q.1 = rope %q0.1, %position {heads = 2, base = 100.0} : f32[rows,4]
                    cache_write %k.1, %v.1, %slot, %position, %depth, @c {recurrence = induction}
                    yield %q.1
                  }
                  return %r
                }
                """,
            toGive: Self.declarations + """
                func @f(\(Self.parameters)) -> f32[rows,4] {
                  %r = repeat recurrences (%a = %x) : f32[rows,4] {
                    %q = project_rope_write %a, %slot, %position, %depth, @w, @b, @c {heads = 2, base = 100.0, recurrence = induction} : f32[rows,4]
                    %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 2, recurrence = induction} : f32[rows,4]
                    %q.1 = project_rope_write %y, %slot, %position, %depth, @w, @b, @c {heads = 2, base = 100.0, recurrence = induction} : f32[rows,4]
                    yield %q.1
                  }
                  return %r
                }
                """)
    }

    private static let queryRope = "  %q = rope %q0, %position {heads = 2, base = 100.0} : f32[rows,4]\n"
    private static let write = "  cache_write %k, %v, %slot, %position, %depth, @c {recurrence = 3}\n"

    private static func returning(_ value: String, _ width: Int) -> Variation {
        Variation(
            "\(value) is read elsewhere", ("-> f32[rows,4]", "-> (f32[rows,4], f32[rows,\(width)])"),
            ("return %y", "return %y, \(value)"))
    }

    @Test(arguments: [
        Variation(
            "keys turned with another base",
            ("%k0, %position {heads = 2, base = 100.0}", "%k0, %position {heads = 2, base = 50.0}")),
        Variation("keys turned in other heads", ("%k0, %position {heads = 2", "%k0, %position {heads = 1")),
        Variation(
            "both turned in other heads than the cache's", ("%k0, %position {heads = 2", "%k0, %position {heads = 1"),
            ("%q0, %position {heads = 2", "%q0, %position {heads = 1")),
        Variation("queries turned by other positions", ("rope %q0, %position", "rope %q0, %other")),
        Variation("keys turned by other positions", ("rope %k0, %position", "rope %k0, %other")),
        Variation(
            "written at other positions",
            ("%slot, %position, %depth, @c {recurrence", "%slot, %other, %depth, @c {recurrence")),
        Variation("keys not turned", ("cache_write %k,", "cache_write %k0,")),
        Variation(
            "queries and keys the other way around",
            ("%q0 = slice %biased {from = 0, to = 4}", "%q0 = slice %biased {from = 4, to = 8}"),
            ("%k0 = slice %biased {from = 4, to = 8}", "%k0 = slice %biased {from = 0, to = 4}")),
        Variation(
            "queries over the middle",
            ("%q0 = slice %biased {from = 0, to = 4}", "%q0 = slice %biased {from = 2, to = 6}")),
        Variation("values from the wrong third", ("%qkv {from = 8, to = 12}", "%qkv {from = 4, to = 8}")),
        Variation(
            "values from another product",
            (
                "%v = slice %qkv {from = 8, to = 12}",
                "%w2 = linear %x, @w : f32[rows,12]\n  %v = slice %w2 {from = 8, to = 12}"
            )),
        Variation(
            "bias on other columns", ("%qk = slice %qkv {from = 0, to = 8}", "%qk = slice %qkv {from = 4, to = 12}")),
        Variation("no bias", ("bias %qk, @b", "silu %qk")),
        Variation(
            "a product with more columns", ("@w : f32[12,4]", "@w : f32[13,4]"),
            ("linear %x, @w : f32[rows,12]", "linear %x, @w : f32[rows,13]")),
        Variation("queries read before the write", (write, "  %early = silu %q : f32[rows,4]\n" + write)),
        Variation(
            "queries read by a loop before the write",
            (
                write,
                """
                  %r = repeat recurrences (%a = %x) : f32[rows,4] {
                    %t = add %a, %q : f32[rows,4]
                    yield %t
                  }

                """ + write
            )),
        Variation(
            "queries yielded by a loop before the write",
            (write, "  %r = repeat recurrences (%a = %x) : f32[rows,4] {\n    yield %q\n  }\n" + write)),
        Variation("queries turned after the write", (queryRope, ""), (write, write + queryRope)),
        returning("%qkv", 12), returning("%qk", 8), returning("%biased", 8), returning("%q0", 4), returning("%k0", 4),
        returning("%k", 4), returning("%v", 4),
    ])
    func `what only looks alike is kept`(_ variation: Variation) throws {
        try expect(FuseAttentionInputs(), toKeep: variation.applied(to: Self.text))
    }

    @Test func `queries may have any number of readers after the write`() throws {
        let variation = Self.returning("%q", 4)
        let fused = try FuseAttentionInputs().run(module(variation.applied(to: Self.text)))
        #expect(fused.functions[0].operations.map(\.opcode) == [.projectRopeWrite, .wavefrontAttention])
    }
}
