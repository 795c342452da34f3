import Compiler
import Testing

@Suite struct FuseNormedHeadsTests {
    static let declarations = """
        weight @v : f32[8]
        weight @w : f32[4]
        weight @rotary : f32[1] = frequencies {base = 100.0}
        cache @c : f32[2,2]

        """
    static let parameters =
        "%qkv: f32[rows,16], %slot: i32[rows], %position: i32[rows], %depth: i32[rows], %other: i32[rows]"
    /// Four heads of queries share two of keys and values.
    static let text =
        declarations + """
            func @f(\(parameters)) -> f32[rows,8] {
              %q0 = slice %qkv {from = 0, to = 8} : f32[rows,8]
              %qn = norm %q0, @v {eps = 0.5} : f32[rows,8]
              %q = rope %qn, %position, @rotary {heads = 4, magnitude = 1.0} : f32[rows,8]
              %k0 = slice %qkv {from = 8, to = 12} : f32[rows,4]
              %kn = norm %k0, @w {eps = 0.5} : f32[rows,4]
              %k = rope %kn, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,4]
              %v0 = slice %qkv {from = 12, to = 16} : f32[rows,4]
              cache_write %k, %v0, %slot, %position, %depth, @c {recurrence = 0}
              %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 4, recurrence = 0} : f32[rows,8]
              return %y
            }
            """

    @Test func `norms of queries and keys, rotary embedding and cache write become one operation at the write`() throws
    {
        try expect(
            FuseNormedHeads(), of: Self.text,
            toGive: Self.declarations + """
                func @f(\(Self.parameters)) -> f32[rows,8] {
                  %q = norm_rope_write %qkv, %slot, %position, %depth, @v, @w, @rotary, @c {heads = 4, eps = 0.5, recurrence = 0} : f32[rows,8]
                  %y = wavefront_attention %q, %slot, %position, %depth, @c {heads = 4, recurrence = 0} : f32[rows,8]
                  return %y
                }
                """)
    }

    private static let write = "  cache_write %k, %v0, %slot, %position, %depth, @c {recurrence = 0}\n"
    private static let queryRope = "  %q = rope %qn, %position, @rotary {heads = 4, magnitude = 1.0} : f32[rows,8]\n"

    private static func returning(_ value: String, _ width: Int) -> Variation {
        Variation(
            "\(value) is read elsewhere", ("-> f32[rows,8]", "-> (f32[rows,8], f32[rows,\(width)])"),
            ("return %y", "return %y, \(value)"))
    }

    @Test(arguments: [
        Variation("norms with different eps", ("@w {eps = 0.5}", "@w {eps = 0.25}")),
        Variation(
            "keys not normed", ("rope %kn", "rope %k0"), ("  %kn = norm %k0, @w {eps = 0.5} : f32[rows,4]\n", "")),
        Variation(
            "queries not normed", ("rope %qn", "rope %q0"), ("  %qn = norm %q0, @v {eps = 0.5} : f32[rows,8]\n", "")),
        Variation("keys turned by other positions", ("rope %kn, %position", "rope %kn, %other")),
        Variation("queries turned by other positions", ("rope %qn, %position", "rope %qn, %other")),
        Variation(
            "written at other positions",
            ("%slot, %position, %depth, @c {recurrence", "%slot, %other, %depth, @c {recurrence")),
        Variation(
            "keys turned with other frequencies", ("%kn, %position, @rotary", "%kn, %position, @slow"),
            ("cache @c", "weight @slow : f32[1] = frequencies {base = 50.0}\ncache @c")),
        Variation("keys with a magnitude", ("{heads = 2, magnitude = 1.0}", "{heads = 2, magnitude = 1.5}")),
        Variation(
            "both with a magnitude", ("{heads = 2, magnitude = 1.0}", "{heads = 2, magnitude = 1.5}"),
            ("{heads = 4, magnitude = 1.0}", "{heads = 4, magnitude = 1.5}")),
        Variation("values from the keys' columns", ("%qkv {from = 12, to = 16}", "%qkv {from = 8, to = 12}")),
        Variation("queries over the middle", ("%qkv {from = 0, to = 8}", "%qkv {from = 4, to = 12}")),
        Variation("a wider product", ("%qkv: f32[rows,16]", "%qkv: f32[rows,17]")),
        Variation("queries read before the write", (write, "  %early = silu %q : f32[rows,8]\n" + write)),
        Variation("queries turned after the write", (queryRope, ""), (write, write + queryRope)),
        returning("%qkv", 16), returning("%q0", 8), returning("%qn", 8), returning("%k0", 4), returning("%kn", 4),
        returning("%k", 4), returning("%v0", 4),
    ])
    func `what only looks alike is kept`(_ variation: Variation) throws {
        try expect(FuseNormedHeads(), toKeep: variation.applied(to: Self.text))
    }

    @Test func `queries may have any number of readers after the write`() throws {
        let fused = try FuseNormedHeads().run(module(Self.returning("%q", 8).applied(to: Self.text)))
        #expect(fused.functions[0].operations.map(\.opcode) == [.normRopeWrite, .wavefrontAttention])
    }
}
