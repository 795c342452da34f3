import Compiler
import Testing

@Suite struct FuseAttentionInputsTests {
    static let declarations = """
        weight @w : f32[12,4]
        weight @b : f32[8]
        weight @rotary : f32[1] = frequencies {base = 100.0}
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
              %q = rope %q0, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,4]
              %k0 = slice %biased {from = 4, to = 8} : f32[rows,4]
              %k = rope %k0, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,4]
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
                  %q = project_rope_write %x, %slot, %position, %depth, @w, @rotary, @c, @b {heads = 2, magnitude = 1.0, recurrence = 3} : f32[rows,4]
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
                    %k = rope %k0, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,4]
                    %q = rope %q0, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,4]
                    cache_write %k, %v, %slot, %position, %depth, @c {recurrence = induction}
                    %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 2, recurrence = induction} : f32[rows,4]
                    %qkv.1 = linear %y, @w : f32[rows,12]
                    %v.1 = slice %qkv.1 {from = 8, to = 12} : f32[rows,4]
                    %qk.1 = slice %qkv.1 {from = 0, to = 8} : f32[rows,8]
                    %biased.1 = bias %qk.1, @b : f32[rows,8]
                    %k0.1 = slice %biased.1 {from = 4, to = 8} : f32[rows,4]
                    %q0.1 = slice %biased.1 {from = 0, to = 4} : f32[rows,4]
                    %k.1 = rope %k0.1, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,4]
                    %q.1 = rope %q0.1, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,4]
                    cache_write %k.1, %v.1, %slot, %position, %depth, @c {recurrence = induction}
                    yield %q.1
                  }
                  return %r
                }
                """,
            toGive: Self.declarations + """
                func @f(\(Self.parameters)) -> f32[rows,4] {
                  %r = repeat recurrences (%a = %x) : f32[rows,4] {
                    %q = project_rope_write %a, %slot, %position, %depth, @w, @rotary, @c, @b {heads = 2, magnitude = 1.0, recurrence = induction} : f32[rows,4]
                    %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 2, recurrence = induction} : f32[rows,4]
                    %q.1 = project_rope_write %y, %slot, %position, %depth, @w, @rotary, @c, @b {heads = 2, magnitude = 1.0, recurrence = induction} : f32[rows,4]
                    yield %q.1
                  }
                  return %r
                }
                """)
    }

    private static let wide = ("cache @c", "weight @wide : f32[2] = frequencies {base = 100.0}\ncache @c")
    private static let queryRope = "  %q = rope %q0, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,4]\n"
    private static let write = "  cache_write %k, %v, %slot, %position, %depth, @c {recurrence = 3}\n"

    private static func returning(_ value: String, _ width: Int) -> Variation {
        Variation(
            "\(value) is read elsewhere", ("-> f32[rows,4]", "-> (f32[rows,4], f32[rows,\(width)])"),
            ("return %y", "return %y, \(value)"))
    }

    @Test(arguments: [
        Variation(
            "keys turned with other frequencies", ("%k0, %position, @rotary", "%k0, %position, @other"),
            ("cache @c", "weight @other : f32[1] = frequencies {base = 50.0}\ncache @c")),
        Variation(
            "keys turned with another magnitude",
            (
                "%k0, %position, @rotary {heads = 2, magnitude = 1.0}",
                "%k0, %position, @rotary {heads = 2, magnitude = 0.5}"
            )),
        Variation(
            "keys turned in other heads", ("%k0, %position, @rotary {heads = 2", "%k0, %position, @wide {heads = 1"),
            wide),
        Variation(
            "both turned in other heads than the cache's",
            ("%k0, %position, @rotary {heads = 2", "%k0, %position, @wide {heads = 1"),
            ("%q0, %position, @rotary {heads = 2", "%q0, %position, @wide {heads = 1"), wide),
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

    /// Four heads of queries share two of keys and values, and there is no bias.
    private static let grouped = """
        weight @w : f32[16,4]
        weight @rotary : f32[1] = frequencies {base = 100.0}
        cache @c : f32[2,2]
        func @f(\(parameters)) -> f32[rows,8] {
          %qkv = linear %x, @w : f32[rows,16]
          %q0 = slice %qkv {from = 0, to = 8} : f32[rows,8]
          %q = rope %q0, %position, @rotary {heads = 4, magnitude = 1.5} : f32[rows,8]
          %k0 = slice %qkv {from = 8, to = 12} : f32[rows,4]
          %k = rope %k0, %position, @rotary {heads = 2, magnitude = 1.5} : f32[rows,4]
          %v = slice %qkv {from = 12, to = 16} : f32[rows,4]
          cache_write %k, %v, %slot, %position, %depth, @c {recurrence = 0}
          %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 4, recurrence = 0} : f32[rows,8]
          return %y
        }
        """

    /// The same with a bias.
    private static let groupedBias: [(String, String)] = [
        ("weight @rotary", "weight @b : f32[12]\nweight @rotary"),
        (
            "  %q0 = slice %qkv",
            "  %qk = slice %qkv {from = 0, to = 12} : f32[rows,12]\n  %biased = bias %qk, @b : f32[rows,12]\n"
                + "  %q0 = slice %biased"
        ),
        ("%k0 = slice %qkv", "%k0 = slice %biased"),
    ]

    @Test(arguments: [false, true])
    func `heads of queries that share keys and values are fused, with a bias and without`(_ hasBias: Bool) throws {
        let changes = hasBias ? Self.groupedBias : []
        let text = changes.reduce(Self.grouped) { $0.replacing($1.0, with: $1.1) }
        try expect(
            FuseAttentionInputs(), of: text,
            toGive: """
                weight @w : f32[16,4]
                \(hasBias ? "weight @b : f32[12]\n" : "")weight @rotary : f32[1] = frequencies {base = 100.0}
                cache @c : f32[2,2]
                func @f(\(Self.parameters)) -> f32[rows,8] {
                  %q = project_rope_write %x, %slot, %position, %depth, @w, @rotary, @c\(hasBias ? ", @b" : "") {heads = 4, magnitude = 1.5, recurrence = 0} : f32[rows,8]
                  %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 4, recurrence = 0} : f32[rows,8]
                  return %y
                }
                """)
    }

    @Test(arguments: [
        Variation(
            "the product is read elsewhere", ("-> f32[rows,8]", "-> (f32[rows,8], f32[rows,16])"),
            ("return %y", "return %y, %qkv")),
        Variation("values from the keys' columns", ("%qkv {from = 12, to = 16}", "%qkv {from = 8, to = 12}")),
        Variation("queries over the middle", ("%qkv {from = 0, to = 8}", "%qkv {from = 4, to = 12}")),
        Variation(
            "keys before queries", ("%qkv {from = 0, to = 8}", "%qkv {from = 4, to = 12}"),
            ("%qkv {from = 8, to = 12}", "%qkv {from = 0, to = 4}")),
        Variation(
            "a slice of a slice",
            ("  %q0 = slice %qkv", "  %qk = slice %qkv {from = 0, to = 12} : f32[rows,12]\n  %q0 = slice %qk"),
            ("%k0 = slice %qkv", "%k0 = slice %qk")),
        Variation(
            "a product with more columns", ("@w : f32[16,4]", "@w : f32[17,4]"),
            ("linear %x, @w : f32[rows,16]", "linear %x, @w : f32[rows,17]")),
        Variation("another magnitude for keys", ("{heads = 2, magnitude = 1.5}", "{heads = 2, magnitude = 1.0}")),
    ])
    func `what only looks like a projection without a bias is kept`(_ variation: Variation) throws {
        try expect(FuseAttentionInputs(), toKeep: variation.applied(to: Self.grouped))
    }
}
