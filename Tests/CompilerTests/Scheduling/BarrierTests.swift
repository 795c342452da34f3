import Compiler
import IR
import NumberFormats
import Plans
import Testing

/// The exact places at which threads meet.
@Suite struct BarrierTests {
    static func listing(_ text: String) throws -> [String] {
        try TapeTests.listing(TapeTests.scheduled(text))
    }

    /// One block of a recurrent transformer as an architecture writes it, inside the recurrence.
    static let block = """
        weight @adapter : f32[8,16]
        weight @n1 : f32[8]
        weight @n2 : f32[8]
        weight @n3 : f32[8]
        weight @n4 : f32[8]
        weight @qkv : f32[24,8]
        weight @b : f32[16]
        weight @rotary : f32[2] = frequencies {base = 100.0}
        weight @proj : f32[8,8]
        weight @fc : f32[20,8]
        weight @down : f32[8,10]
        cache @c : f32[2,4] recurrent
        func @core(%e: f32[rows,8], %state: f32[rows,8], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,8] {
          %r = repeat recurrences (%s = %state) : f32[rows,8] {
            %joined = concat %s, %e : f32[rows,16]
            %x = linear %joined, @adapter : f32[rows,8]
            %x1 = norm %x, @n1 {eps = 0.001} : f32[rows,8]
            %p = linear %x1, @qkv : f32[rows,24]
            %qk = slice %p {from = 0, to = 16} : f32[rows,16]
            %biased = bias %qk, @b : f32[rows,16]
            %q0 = slice %biased {from = 0, to = 8} : f32[rows,8]
            %q = rope %q0, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,8]
            %k0 = slice %biased {from = 8, to = 16} : f32[rows,8]
            %k = rope %k0, %position, @rotary {heads = 2, magnitude = 1.0} : f32[rows,8]
            %v = slice %p {from = 16, to = 24} : f32[rows,8]
            cache_write %k, %v, %slot, %position, %depth, @c {recurrence = induction}
            %m = wavefront_attention %q, %slot, %position, %depth, @c {heads = 2, recurrence = induction} : f32[rows,8]
            %o = linear %m, @proj : f32[rows,8]
            %sum = add %o, %x : f32[rows,8]
            %mid = norm %sum, @n2 {eps = 0.001} : f32[rows,8]
            %x3 = norm %mid, @n3 {eps = 0.001} : f32[rows,8]
            %wide = linear %x3, @fc : f32[rows,20]
            %g0 = slice %wide {from = 0, to = 10} : f32[rows,10]
            %g = silu %g0 : f32[rows,10]
            %up = slice %wide {from = 10, to = 20} : f32[rows,10]
            %gated = multiply %g, %up : f32[rows,10]
            %narrow = linear %gated, @down : f32[rows,8]
            %sum2 = add %narrow, %mid : f32[rows,8]
            %out = norm %sum2, @n4 {eps = 0.001} : f32[rows,8]
            yield %out
          }
          return %r
        }
        """

    static func lowered(_ weights: ElementType) throws -> Schedule {
        let copies = [Specialization("core", recurrences: 2)]
        return try schedule(
            Pipeline(CompilerOptions(weights: weights, specializations: copies)).run(module(block)),
            specializations: copies)
    }

    @Test func `a recurrence is nine instructions, with a barrier around each product and attention`() throws {
        let function = try Self.lowered(.f32).functions[0]
        #expect(
            TapeTests.listing(function) == [
                "  | %x.16 = linear %e",
                "  | %r = copy %state",
                "  | repeat 10",
                "b | %x.8 = linear %r",
                "b | %x, %x1 = add_keep_norm %x.8, %x.16",
                "b | %q = project_rope_write %x1, %slot, %position, %depth",
                "b | %m = wavefront_attention %q, %slot, %position, %depth",
                "b | %o = linear %m",
                "b | %mid, %x3 = add_norm_norm %o, %x",
                "b | %gated = linear_silu_gate %x3",
                "b | %narrow = linear %gated",
                "b | %out = add_norm %narrow, %mid",
                "  | %r = copy %out",
            ])
    }

    @Test func `unrolled, a recurrence needs nine barriers, less one where nothing came before`() throws {
        // In bf16, the converted input and the converted state, which takes its place in memory, cost three more per
        // call.
        for (weights, barriers) in [(ElementType.f32, 17), (.bf16, 20), (.int8, 24)] {
            let function = try Self.lowered(weights).functions[1]
            #expect(function.unrolled == 2)
            #expect(!function.instructions.contains { [.copy, .repeat].contains($0.opcode) })
            #expect(function.instructions.count { $0.barrier } == barriers, "\(TapeTests.listing(function))")
        }
    }

    @Test func `row by row, threads need not wait for each other`() throws {
        #expect(
            try Self.listing(
                """
                weight @n : f32[4]
                func @f(%x: f32[rows,4], %tokens: i32[rows]) -> f32[rows,4] {
                  %a = norm %x, @n {eps = 0.5} : f32[rows,4]
                  %b = silu %a : f32[rows,4]
                  %c = add %a, %b : f32[rows,4]
                  return %c
                }
                """) == ["  | %a = norm %x", "  | %b = silu %a", "  | %c = add %a, %b"])
    }

    @Test func `products of one input run side by side, and what reads both waits once`() throws {
        #expect(
            try Self.listing(
                """
                weight @w : f32[4,4]
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  %a = linear %x, @w : f32[rows,4]
                  %b = linear %x, @w : f32[rows,4]
                  %c = add %a, %b : f32[rows,4]
                  %d = silu %c : f32[rows,4]
                  return %d
                }
                """) == ["  | %a = linear %x", "  | %b = linear %x", "b | %c = add %a, %b", "  | %d = silu %c"])
    }

    @Test func `memory that is used again is waited for, although no value is shared`() throws {
        // The value %c takes the place of %a. A thread that is ahead would write rows of it that another still reads as
        // %a.
        let text = """
            weight @w : f32[16,16]
            func @f(%x: f32[rows,16], %y: f32[rows,16]) -> (f32[rows,16], f32[rows,16]) {
              %a = silu %x : f32[rows,16]
              %b = linear %a, @w : f32[rows,16]
              %c = silu %y : f32[rows,16]
              %d = silu %c : f32[rows,16]
              return %b, %d
            }
            """
        let offsets = MemoryPlanTests.offsets(try MemoryPlanTests.plan(text))
        #expect(offsets["a"] == offsets["c"])
        #expect(
            try Self.listing(text) == [
                "  | %a = silu %x", "b | %b = linear %a", "b | %c = silu %y", "  | %d = silu %c",
            ])
    }

    @Test func `a cache is read after it is written, and only then; readers do not wait for each other`() throws {
        #expect(
            try Self.listing(
                """
                cache @c : f32[2,2]
                cache @d : f32[2,2]
                func @f(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> (f32[rows,4], f32[rows,4], f32[rows,4]) {
                  cache_write %x, %x, %slot, %position, %depth, @c {recurrence = 0}
                  cache_write %x, %x, %slot, %position, %depth, @d {recurrence = 0}
                  %a = wavefront_attention %x, %slot, %position, %depth, @c {heads = 2, recurrence = 0} : f32[rows,4]
                  %b = wavefront_attention %x, %slot, %position, %depth, @c {heads = 2, recurrence = 0} : f32[rows,4]
                  %e = wavefront_attention %x, %slot, %position, %depth, @d {heads = 2, recurrence = 0} : f32[rows,4]
                  cache_write %x, %x, %slot, %position, %depth, @c {recurrence = 0}
                  return %a, %b, %e
                }
                """) == [
                    "  | cache_write %x, %x, %slot, %position, %depth",
                    "  | cache_write %x, %x, %slot, %position, %depth",
                    "b | %a = wavefront_attention %x, %slot, %position, %depth",
                    "  | %b = wavefront_attention %x, %slot, %position, %depth",
                    "  | %e = wavefront_attention %x, %slot, %position, %depth",
                    "b | cache_write %x, %x, %slot, %position, %depth",
                ])
    }
}
