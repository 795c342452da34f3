import Compiler
import Testing

@Suite struct HoistInvariantsTests {
    static let declarations = """
        weight @w : f32[4,4]
        weight @n : f32[4]
        cache @c : f32[2,2] recurrent

        """

    @Test func `what depends on nothing carried moves out, with what depends on that`() throws {
        try expect(
            HoistInvariants(),
            of: Self.declarations + """
                func @f(%s: f32[rows,4], %e: f32[rows,4]) -> f32[rows,4] {
                  %r = repeat recurrences (%a = %s) : f32[rows,4] {
                    %h = linear %e, @w : f32[rows,4]
                    %y = linear %a, @w : f32[rows,4]
                    %g = silu %h : f32[rows,4]
                    %z = add %y, %g : f32[rows,4]
                    yield %z
                  }
                  return %r
                }
                """,
            toGive: Self.declarations + """
                func @f(%s: f32[rows,4], %e: f32[rows,4]) -> f32[rows,4] {
                  %h = linear %e, @w : f32[rows,4]
                  %g = silu %h : f32[rows,4]
                  %r = repeat recurrences (%a = %s) : f32[rows,4] {
                    %y = linear %a, @w : f32[rows,4]
                    %z = add %y, %g : f32[rows,4]
                    yield %z
                  }
                  return %r
                }
                """)
    }

    @Test func `a value that is yielded may move out, and a carried value that never changes still varies`() throws {
        try expect(
            HoistInvariants(),
            of: Self.declarations + """
                func @f(%s: f32[rows,4], %e: f32[rows,4]) -> (f32[rows,4], f32[rows,4]) {
                  %r, %q = repeat 3 (%a = %s, %same = %e) : f32[rows,4], f32[rows,4] {
                    %h = silu %e : f32[rows,4]
                    %y = silu %same : f32[rows,4]
                    %z = add %y, %a : f32[rows,4]
                    yield %h, %same
                  }
                  return %r, %q
                }
                """,
            toGive: Self.declarations + """
                func @f(%s: f32[rows,4], %e: f32[rows,4]) -> (f32[rows,4], f32[rows,4]) {
                  %h = silu %e : f32[rows,4]
                  %r, %q = repeat 3 (%a = %s, %same = %e) : f32[rows,4], f32[rows,4] {
                    %y = silu %same : f32[rows,4]
                    %z = add %y, %a : f32[rows,4]
                    yield %h, %same
                  }
                  return %r, %q
                }
                """)
    }

    @Test func `operations on caches stay even when their operands do not change, and so does what reads them`() throws
    {
        try expect(
            HoistInvariants(),
            toKeep: Self.declarations + """
                func @f(%s: f32[rows,4], %e: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,4] {
                  %r = repeat recurrences (%a = %s) : f32[rows,4] {
                    cache_write %e, %e, %slot, %position, %depth, @c {recurrence = induction}
                    %m = wavefront_attention %e, %slot, %position, %depth, @c {heads = 2, recurrence = induction} : f32[rows,4]
                    %y = norm %m, @n {eps = 0.001} : f32[rows,4]
                    yield %y
                  }
                  return %r
                }
                """)
    }
}
