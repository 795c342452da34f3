import Compiler
import Testing

@Suite struct LowerWeightsTests {
    static let text = """
        weight @w : f32[4,4]
        weight @v : f32[4,4] = @source[:, 2:6]
        weight @n : f32[4]
        func @f(%x: f32[rows,4]) -> (f32[rows,4], f32[rows,4]) {
          %m = norm %x, @n {eps = 0.5} : f32[rows,4]
          %a = linear %m, @w : f32[rows,4]
          %b = linear %m, @v : f32[rows,4]
          %r = repeat recurrences (%c = %a) : f32[rows,4] {
            %d = linear %c, @w : f32[rows,4]
            %e = linear %m, @w : f32[rows,4]
            %f = add %d, %e : f32[rows,4]
            yield %f
          }
          return %r, %b
        }
        """

    @Test func `matrices become bf16, vectors stay, and each block converts an input once`() throws {
        try expect(
            LowerWeights(.bf16), of: Self.text,
            toGive: """
                weight @w : bf16[4,4]
                weight @v : bf16[4,4] = @source[:, 2:6]
                weight @n : f32[4]
                func @f(%x: f32[rows,4]) -> (f32[rows,4], f32[rows,4]) {
                  %m = norm %x, @n {eps = 0.5} : f32[rows,4]
                  %m.bf16.1 = convert %m : bf16[rows,4]
                  %a = linear %m.bf16.1, @w : f32[rows,4]
                  %b = linear %m.bf16.1, @v : f32[rows,4]
                  %r = repeat recurrences (%c = %a) : f32[rows,4] {
                    %c.bf16 = convert %c : bf16[rows,4]
                    %d = linear %c.bf16, @w : f32[rows,4]
                    %m.bf16 = convert %m : bf16[rows,4]
                    %e = linear %m.bf16, @w : f32[rows,4]
                    %f = add %d, %e : f32[rows,4]
                    yield %f
                  }
                  return %r, %b
                }
                """)
    }

    @Test func `f32 changes nothing`() throws {
        try expect(LowerWeights(.f32), toKeep: Self.text)
    }

    @Test func `an embedding is lowered, tied to the head or not, and every function that reads it with it`() throws {
        try expect(
            LowerWeights(.bf16),
            of: """
                weight @tied : f32[9,4]
                weight @untied : f32[9,4]
                func @f(%tokens: i32[rows]) -> f32[rows,9] {
                  %x = embed %tokens, @tied {scale = 2.0} : f32[rows,4]
                  %y = linear %x, @tied : f32[rows,9]
                  return %y
                }

                func @g(%tokens: i32[rows]) -> (f32[rows,4], f32[rows,4]) {
                  %x = embed %tokens, @tied {scale = 2.0} : f32[rows,4]
                  %y = embed %tokens, @untied {scale = 2.0} : f32[rows,4]
                  return %x, %y
                }
                """,
            toGive: """
                weight @tied : bf16[9,4]
                weight @untied : bf16[9,4]
                func @f(%tokens: i32[rows]) -> f32[rows,9] {
                  %x = embed %tokens, @tied {scale = 2.0} : f32[rows,4]
                  %x.bf16 = convert %x : bf16[rows,4]
                  %y = linear %x.bf16, @tied : f32[rows,9]
                  return %y
                }

                func @g(%tokens: i32[rows]) -> (f32[rows,4], f32[rows,4]) {
                  %x = embed %tokens, @tied {scale = 2.0} : f32[rows,4]
                  %y = embed %tokens, @untied {scale = 2.0} : f32[rows,4]
                  return %x, %y
                }
                """)
    }

    @Test func `every fused operation with a matrix is lowered, and what reads bf16 already is kept`() throws {
        try expect(
            LowerWeights(.bf16),
            of: """
                weight @qkv : f32[12,4]
                weight @b : f32[8]
                weight @gate : f32[8,4]
                weight @head : f32[9,4]
                weight @low : bf16[4,4]
                cache @c : f32[2,2]
                func @f(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows]) -> i32[rows] {
                  %q = project_rope_write %x, %slot, %position, @qkv, @b, @c {heads = 2, base = 100.0, recurrence = 0} : f32[rows,4]
                  %g = linear_silu_gate %q, @gate : bf16[rows,4]
                  %l = linear %g, @low : f32[rows,4]
                  %t = linear_argmax %l, @head : i32[rows]
                  return %t
                }
                """,
            toGive: """
                weight @qkv : bf16[12,4]
                weight @b : f32[8]
                weight @gate : bf16[8,4]
                weight @head : bf16[9,4]
                weight @low : bf16[4,4]
                cache @c : f32[2,2]
                func @f(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows]) -> i32[rows] {
                  %x.bf16 = convert %x : bf16[rows,4]
                  %q = project_rope_write %x.bf16, %slot, %position, @qkv, @b, @c {heads = 2, base = 100.0, recurrence = 0} : f32[rows,4]
                  %q.bf16 = convert %q : bf16[rows,4]
                  %g = linear_silu_gate %q.bf16, @gate : bf16[rows,4]
                  %l = linear %g, @low : f32[rows,4]
                  %l.bf16 = convert %l : bf16[rows,4]
                  %t = linear_argmax %l.bf16, @head : i32[rows]
                  return %t
                }
                """)
    }
}
