import Compiler
import Testing

@Suite struct FuseConversionsTests {
    static func text(_ body: String, returns: String = "f32[rows,4]") -> String {
        """
        weight @n : f32[4]
        weight @w : bf16[4,4]
        weight @q : int8[4,4]
        weight @g : int4[8,4]
        cache @c : f32[2,2]
        func @f(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> \(returns) {
        \(body)
        }
        """
    }

    @Test func `a value that only a conversion reads is stored converted at once`() throws {
        try expect(
            FuseConversions(),
            of: Self.text(
                """
                %m = norm %x, @n {eps = 0.5} : f32[rows,4]
                %between = silu %x : f32[rows,4]
                %l = convert %m : bf16[rows,4]
                %y = linear %l, @w : f32[rows,4]
                %z = linear %l, @w : f32[rows,4]
                return %y
                """),
            toGive: Self.text(
                """
                %l = norm %x, @n {eps = 0.5} : bf16[rows,4]
                %between = silu %x : f32[rows,4]
                %y = linear %l, @w : f32[rows,4]
                %z = linear %l, @w : f32[rows,4]
                return %y
                """))
    }

    @Test func `either result of an operation with two, and those of a loop's body`() throws {
        try expect(
            FuseConversions(),
            of: Self.text(
                """
                %r = repeat recurrences (%c = %x) : f32[rows,4] {
                  %s, %m = add_keep_norm %c, %x, @n {eps = 0.5} : f32[rows,4], f32[rows,4]
                  %u, %v = add_keep_norm %s, %x, @n {eps = 0.5} : f32[rows,4], f32[rows,4]
                  %l = convert %m : bf16[rows,4]
                  %k = convert %u : bf16[rows,4]
                  %y = linear %l, @w : f32[rows,4]
                  %z = linear %k, @w : f32[rows,4]
                  yield %v
                }
                return %r
                """),
            toGive: Self.text(
                """
                %r = repeat recurrences (%c = %x) : f32[rows,4] {
                  %s, %l = add_keep_norm %c, %x, @n {eps = 0.5} : f32[rows,4], bf16[rows,4]
                  %k, %v = add_keep_norm %s, %x, @n {eps = 0.5} : bf16[rows,4], f32[rows,4]
                  %y = linear %l, @w : f32[rows,4]
                  %z = linear %k, @w : f32[rows,4]
                  yield %v
                }
                return %r
                """))
    }

    @Test func `rows are quantized by what computes them, unless it works in shares of columns`() throws {
        let kept = """
              cache_write %x, %x, %slot, %position, %depth, @c {recurrence = 0}
              %a = wavefront_attention %x, %slot, %position, %depth, @c {heads = 2, recurrence = 0} : f32[rows,4]
              %a8 = convert %a : q8[rows,4]
              %y = linear %a8, @q : f32[rows,4]
            """
        let rest = """
              %g8 = convert %g : q8[rows,4]
              %z = linear %g8, @q : f32[rows,4]
              return %z
            """
        try expect(
            FuseConversions(),
            of: Self.text(
                kept + """

                      %s, %m = add_keep_norm %y, %x, @n {eps = 0.5} : f32[rows,4], f32[rows,4]
                      %m8 = convert %m : q8[rows,4]
                      %g = linear_silu_gate %m8, @g : f32[rows,4]

                    """ + rest),
            toGive: Self.text(
                kept + """

                      %s, %m8 = add_keep_norm %y, %x, @n {eps = 0.5} : f32[rows,4], q8[rows,4]
                      %g = linear_silu_gate %m8, @g : f32[rows,4]

                    """ + rest))
    }

    @Test(arguments: [
        // Another reader needs the f32 value.
        """
        %m = norm %x, @n {eps = 0.5} : f32[rows,4]
        %l = convert %m : bf16[rows,4]
        %y = linear %l, @w : f32[rows,4]
        %z = add %y, %m : f32[rows,4]
        return %z
        """,
        """
        %m = norm %x, @n {eps = 0.5} : f32[rows,4]
        %l = convert %m : bf16[rows,4]
        %k = convert %m : bf16[rows,4]
        %y = linear %l, @w : f32[rows,4]
        %z = linear %k, @w : f32[rows,4]
        return %z
        """,
        """
        %m = norm %x, @n {eps = 0.5} : f32[rows,4]
        %l = convert %m : bf16[rows,4]
        return %m
        """,
        // The converted values are a parameter, and a product, which is always f32.
        """
        %l = convert %x : bf16[rows,4]
        %y = linear %l, @w : f32[rows,4]
        %k = convert %y : bf16[rows,4]
        %z = linear %k, @w : f32[rows,4]
        return %z
        """,
        // Two matrices need it in two formats.
        """
        %m = norm %x, @n {eps = 0.5} : f32[rows,4]
        %l = convert %m : bf16[rows,4]
        %k = convert %m : q8[rows,4]
        %y = linear %l, @w : f32[rows,4]
        %z = linear %k, @q : f32[rows,4]
        return %z
        """,
        // The value is computed once and converted in every iteration.
        """
        %m = norm %x, @n {eps = 0.5} : f32[rows,4]
        %r = repeat recurrences (%c = %x) : f32[rows,4] {
          %l = convert %m : bf16[rows,4]
          %y = linear %l, @w : f32[rows,4]
          yield %y
        }
        return %r
        """,
        // The value is carried by a loop.
        """
        %r = repeat recurrences (%c = %x) : f32[rows,4] {
          %l = convert %c : bf16[rows,4]
          %y = linear %l, @w : f32[rows,4]
          yield %y
        }
        %l.1 = convert %r : bf16[rows,4]
        %y.1 = linear %l.1, @w : f32[rows,4]
        return %y.1
        """,
    ])
    func `what only looks alike is kept`(_ body: String) throws {
        try expect(FuseConversions(), toKeep: Self.text(body))
    }
}
