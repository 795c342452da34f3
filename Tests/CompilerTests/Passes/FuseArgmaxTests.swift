import Compiler
import Testing

@Suite struct FuseArgmaxTests {
    static let text = """
        weight @head : f32[9,4]
        func @f(%x: f32[rows,4]) -> i32[rows] {
          %logits = linear %x, @head : f32[rows,9]
          %other = silu %x : f32[rows,4]
          %token = argmax %logits : i32[rows]
          return %token
        }
        """

    @Test func `a head that only an argmax reads is fused with it`() throws {
        try expect(
            FuseArgmax(), of: Self.text,
            toGive: """
                weight @head : f32[9,4]
                func @f(%x: f32[rows,4]) -> i32[rows] {
                  %other = silu %x : f32[rows,4]
                  %token = linear_argmax %x, @head : i32[rows]
                  return %token
                }
                """)
    }

    @Test(arguments: [
        Variation(
            "logits returned", ("-> i32[rows]", "-> (i32[rows], f32[rows,9])"),
            ("return %token", "return %token, %logits")),
        Variation("logits read elsewhere", ("silu %x : f32[rows,4]", "silu %logits : f32[rows,9]")),
        Variation(
            "two argmax of the same logits", ("%other = silu %x : f32[rows,4]", "%again = argmax %logits : i32[rows]")),
        Variation(
            "argmax of something else", ("%other = silu %x : f32[rows,4]", "%o = silu %logits : f32[rows,9]"),
            ("argmax %logits", "argmax %o")),
        Variation("argmax of a parameter", ("argmax %logits", "argmax %x")),
    ])
    func `what only looks alike is kept`(_ variation: Variation) throws {
        try expect(FuseArgmax(), toKeep: variation.applied(to: Self.text))
    }
}
