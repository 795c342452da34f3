import Compiler
import Testing

@Suite struct UnrollRecurrencesTests {
    static func text(_ count: String) -> String {
        """
        weight @b : f32[4]
        cache @c : f32[2,2] recurrent
        cache @once : f32[2,2]
        func @f(%s: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,4] {
          %r = repeat \(count) (%a = %s) : f32[rows,4] {
            %k = bias %a, @b : f32[rows,4]
            cache_write %k, %a, %slot, %position, %depth, @c {recurrence = induction}
            cache_write %k, %a, %slot, %position, %depth, @once {recurrence = 0}
            %y = wavefront_attention %k, %slot, %position, %depth, @c {heads = 2, recurrence = induction} : f32[rows,4]
            yield %y
          }
          %t = silu %r : f32[rows,4]
          return %t
        }
        """
    }

    @Test func `each copy has its recurrence, reads what the one before yielded, and has names of its own`() throws {
        try expect(
            UnrollRecurrences(), of: Self.text("2"),
            toGive: """
                weight @b : f32[4]
                cache @c : f32[2,2] recurrent
                cache @once : f32[2,2]
                func @f(%s: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,4] {
                  %k.1 = bias %s, @b : f32[rows,4]
                  cache_write %k.1, %s, %slot, %position, %depth, @c {recurrence = 0}
                  cache_write %k.1, %s, %slot, %position, %depth, @once {recurrence = 0}
                  %y.1 = wavefront_attention %k.1, %slot, %position, %depth, @c {heads = 2, recurrence = 0} : f32[rows,4]
                  %k.2 = bias %y.1, @b : f32[rows,4]
                  cache_write %k.2, %y.1, %slot, %position, %depth, @c {recurrence = 1}
                  cache_write %k.2, %y.1, %slot, %position, %depth, @once {recurrence = 0}
                  %y.2 = wavefront_attention %k.2, %slot, %position, %depth, @c {heads = 2, recurrence = 1} : f32[rows,4]
                  %t = silu %y.2 : f32[rows,4]
                  return %t
                }
                """)
    }

    @Test func `no iterations leave the initial values`() throws {
        try expect(
            UnrollRecurrences(), of: Self.text("0"),
            toGive: """
                weight @b : f32[4]
                cache @c : f32[2,2] recurrent
                cache @once : f32[2,2]
                func @f(%s: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,4] {
                  %t = silu %s : f32[rows,4]
                  return %t
                }
                """)
    }

    @Test func `a loop of the caller's count stays a loop`() throws {
        try expect(UnrollRecurrences(), toKeep: Self.text("recurrences"))
    }

    @Test func `carried values that change places do so in every copy`() throws {
        try expect(
            UnrollRecurrences(),
            of: """
                func @f(%x: f32[rows,4], %y: f32[rows,4]) -> (f32[rows,4], f32[rows,4]) {
                  %p, %q = repeat 3 (%a = %x, %b = %y) : f32[rows,4], f32[rows,4] {
                    yield %b, %a
                  }
                  return %p, %q
                }
                """,
            toGive: """
                func @f(%x: f32[rows,4], %y: f32[rows,4]) -> (f32[rows,4], f32[rows,4]) {
                  return %y as p, %x as q
                }
                """)
    }

    @Test func `loops after an unrolled one read what it ended with`() throws {
        try expect(
            UnrollRecurrences(),
            of: """
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  %p = repeat 1 (%a = %x) : f32[rows,4] {
                    %m = silu %a : f32[rows,4]
                    yield %m
                  }
                  %q = repeat recurrences (%b = %p) : f32[rows,4] {
                    %n = add %b, %p : f32[rows,4]
                    yield %p
                  }
                  %r = repeat 1 (%c = %q) : f32[rows,4] {
                    %o = add %c, %p : f32[rows,4]
                    yield %o
                  }
                  return %r
                }
                """,
            toGive: """
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  %m.1 = silu %x : f32[rows,4]
                  %q = repeat recurrences (%b = %m.1) : f32[rows,4] {
                    %n = add %b, %m.1 : f32[rows,4]
                    yield %m.1
                  }
                  %o.1 = add %q, %m.1 : f32[rows,4]
                  return %o.1 as r
                }
                """)
    }
}
