import Compiler
import Testing

@Suite struct DropDeadCodeTests {
    @Test func `chains that nothing reads go, with the weights and caches that only they name`() throws {
        try expect(
            DropDeadCode(),
            of: """
                weight @used : f32[4,4]
                weight @unused : f32[4]
                cache @used_too : f32[2,2]
                cache @nobody : f32[2,2]
                func @f(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,4] {
                  %a = silu %x : f32[rows,4]
                  %b = norm %a, @unused {eps = 0.5} : f32[rows,4]
                  %t = argmax %b : i32[rows]
                  %y = linear %a, @used : f32[rows,4]
                  %m = wavefront_attention %y, %slot, %position, %depth, @used_too {heads = 2, recurrence = 0} : f32[rows,4]
                  return %y
                }
                """,
            toGive: """
                weight @used : f32[4,4]
                cache @used_too : f32[2,2]
                func @f(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,4] {
                  %a = silu %x : f32[rows,4]
                  %y = linear %a, @used : f32[rows,4]
                  %m = wavefront_attention %y, %slot, %position, %depth, @used_too {heads = 2, recurrence = 0} : f32[rows,4]
                  return %y
                }
                """)
    }

    @Test func `in a loop, what is yielded or read from outside lives, and the rest goes`() throws {
        try expect(
            DropDeadCode(),
            of: """
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  %live = silu %x : f32[rows,4]
                  %dead = silu %live : f32[rows,4]
                  %r = repeat recurrences (%c = %x) : f32[rows,4] {
                    %d = add %c, %live : f32[rows,4]
                    %e = silu %d : f32[rows,4]
                    yield %d
                  }
                  return %r
                }
                """,
            toGive: """
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  %live = silu %x : f32[rows,4]
                  %r = repeat recurrences (%c = %x) : f32[rows,4] {
                    %d = add %c, %live : f32[rows,4]
                    yield %d
                  }
                  return %r
                }
                """)
    }

    @Test func `an operation with two results stays when either is read`() throws {
        try expect(
            DropDeadCode(),
            toKeep: """
                weight @n : f32[4]
                func @f(%x: f32[rows,4]) -> (f32[rows,4], f32[rows,4]) {
                  %a, %b = add_keep_norm %x, %x, @n {eps = 0.5} : f32[rows,4], f32[rows,4]
                  %c, %d = add_keep_norm %x, %x, @n {eps = 0.5} : f32[rows,4], f32[rows,4]
                  return %a, %d
                }
                """)
    }

    @Test func `a weight stays while any function names it`() throws {
        try expect(
            DropDeadCode(),
            toKeep: """
                weight @n : f32[4]
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  return %x
                }

                func @g(%x: f32[rows,4]) -> f32[rows,4] {
                  %a = norm %x, @n {eps = 0.5} : f32[rows,4]
                  return %a
                }
                """)
    }
}
