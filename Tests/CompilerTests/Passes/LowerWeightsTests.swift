import Compiler
import Plans
import Testing

@Suite struct LowerWeightsTests {
    static let text = """
        weight @w : f32[4,4]
        weight @v : f32[4,4] = @source[4,9][:, 2:6]
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
                weight @v : bf16[4,4] = @source[4,9][:, 2:6]
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
                weight @rotary : f32[1] = frequencies {base = 100.0}
                weight @gate : f32[8,4]
                weight @head : f32[9,4]
                weight @low : bf16[4,4]
                cache @c : f32[2,2]
                func @f(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> i32[rows] {
                  %q = project_rope_write %x, %slot, %position, %depth, @qkv, @rotary, @c, @b {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]
                  %g = linear_silu_gate %q, @gate : bf16[rows,4]
                  %l = linear %g, @low : f32[rows,4]
                  %t = linear_argmax %l, @head : i32[rows]
                  return %t
                }
                """,
            toGive: """
                weight @qkv : bf16[12,4]
                weight @b : f32[8]
                weight @rotary : f32[1] = frequencies {base = 100.0}
                weight @gate : bf16[8,4]
                weight @head : bf16[9,4]
                weight @low : bf16[4,4]
                cache @c : f32[2,2]
                func @f(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> i32[rows] {
                  %x.bf16 = convert %x : bf16[rows,4]
                  %q = project_rope_write %x.bf16, %slot, %position, %depth, @qkv, @rotary, @c, @b {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]
                  %q.bf16 = convert %q : bf16[rows,4]
                  %g = linear_silu_gate %q.bf16, @gate : bf16[rows,4]
                  %l = linear %g, @low : f32[rows,4]
                  %l.bf16 = convert %l : bf16[rows,4]
                  %t = linear_argmax %l.bf16, @head : i32[rows]
                  return %t
                }
                """)
    }

    /// The standard format is int8. The halves of a split matrix are bf16, and some matrices are int4 or f32 by name.
    static let mixed = LowerWeights(
        MatrixFormats(
            .int8,
            rules: [
                WeightRule(pattern: "source", format: .bf16), WeightRule(pattern: "mlp.[0-1].*", format: .int4),
                WeightRule(pattern: "*.plain", format: .f32), WeightRule(pattern: "mlp.*", format: .bf16),
            ]))

    @Test func `the first rule that matches decides, and a value is converted once for each format that reads it`()
        throws
    {
        try expect(
            Self.mixed,
            of: """
                weight @half : f32[4,4] = @source[4,9][:, 2:6]
                weight @mlp.0.up : f32[4,4]
                weight @mlp.1.up : f32[4,4]
                weight @mlp.2.up : f32[4,4]
                weight @mlp.plain : f32[4,4]
                weight @a.plain : f32[4,4]
                weight @b : f32[4,4]
                weight @c : f32[4,4]
                weight @n : f32[4]
                func @f(%x: f32[rows,4], %tokens: i32[rows]) -> f32[rows,4] {
                  %m = norm %x, @n {eps = 0.5} : f32[rows,4]
                  %1 = linear %m, @half : f32[rows,4]
                  %2 = linear %m, @mlp.0.up : f32[rows,4]
                  %3 = linear %m, @mlp.1.up : f32[rows,4]
                  %4 = linear %m, @mlp.2.up : f32[rows,4]
                  %5 = linear %m, @mlp.plain : f32[rows,4]
                  %6 = linear %m, @a.plain : f32[rows,4]
                  %7 = linear %m, @b : f32[rows,4]
                  %8 = embed %tokens, @c {scale = 1.0} : f32[rows,4]
                  %9 = linear %8, @c : f32[rows,4]
                  return %9
                }
                """,
            toGive: """
                weight @half : bf16[4,4] = @source[4,9][:, 2:6]
                weight @mlp.0.up : int4[4,4]
                weight @mlp.1.up : int4[4,4]
                weight @mlp.2.up : bf16[4,4]
                weight @mlp.plain : f32[4,4]
                weight @a.plain : f32[4,4]
                weight @b : int8[4,4]
                weight @c : int8[4,4]
                weight @n : f32[4]
                func @f(%x: f32[rows,4], %tokens: i32[rows]) -> f32[rows,4] {
                  %m = norm %x, @n {eps = 0.5} : f32[rows,4]
                  %m.bf16 = convert %m : bf16[rows,4]
                  %1 = linear %m.bf16, @half : f32[rows,4]
                  %m.q8 = convert %m : q8[rows,4]
                  %2 = linear %m.q8, @mlp.0.up : f32[rows,4]
                  %3 = linear %m.q8, @mlp.1.up : f32[rows,4]
                  %4 = linear %m.bf16, @mlp.2.up : f32[rows,4]
                  %5 = linear %m, @mlp.plain : f32[rows,4]
                  %6 = linear %m, @a.plain : f32[rows,4]
                  %7 = linear %m.q8, @b : f32[rows,4]
                  %8 = embed %tokens, @c {scale = 1.0} : f32[rows,4]
                  %8.q8 = convert %8 : q8[rows,4]
                  %9 = linear %8.q8, @c : f32[rows,4]
                  return %9
                }
                """)
    }

    @Test func `a rule that is for no matrix is refused with the names that there are`() throws {
        // The weight @n is a vector, which stays f32.
        for pattern in ["z*", "n", "@w"] {
            let pass = LowerWeights(MatrixFormats(.f32, rules: [WeightRule(pattern: pattern, format: .int8)]))
            let error = #expect(throws: CompilerError.self) { try pass.run(module(Self.text)) }
            #expect(error?.description.contains(pattern) == true)
            #expect(error?.description.contains("w, v") == true)
        }
    }
}
