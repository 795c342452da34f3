import Compiler
import IR
import Testing

@Suite struct MemoryPlanTests {
    static func plan(_ text: String) throws -> MemoryPlan { try MemoryPlan(module(text).functions[0]) }

    static func offsets(_ plan: MemoryPlan) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: plan.placements.map { ($0.value.name, $0.offsetPerRow) })
    }

    @Test func `a chain of values takes turns in two places`() throws {
        let plan = try Self.plan(
            """
            func @f(%x: f32[rows,16]) -> f32[rows,16] {
              %a = silu %x : f32[rows,16]
              %b = silu %a : f32[rows,16]
              %c = silu %b : f32[rows,16]
              %d = silu %c : f32[rows,16]
              return %d
            }
            """)
        #expect(Self.offsets(plan) == ["a": 0, "b": 64, "c": 0])
        #expect(plan.bytesPerRow == 128)
        #expect(plan.unplannedBytesPerRow == 192)
    }

    @Test func `a value may not lie over an operand of the operation that writes it`() throws {
        let plan = try Self.plan(
            """
            func @f(%x: f32[rows,16]) -> f32[rows,16] {
              %a = silu %x : f32[rows,16]
              %b = silu %x : f32[rows,16]
              %c = add %a, %b : f32[rows,16]
              %d = silu %c : f32[rows,16]
              return %d
            }
            """)
        #expect(Set(Self.offsets(plan).values).count == 3)
    }

    @Test func `what a loop reads from outside keeps its place until the loop ends, and no longer`() throws {
        let plan = try Self.plan(
            """
            func @f(%x: f32[rows,16]) -> f32[rows,16] {
              %outside = silu %x : f32[rows,16]
              %s = repeat recurrences (%a = %x) : f32[rows,16] {
                %b = add %a, %outside : f32[rows,16]
                %c = silu %b : f32[rows,16]
                %d = silu %c : f32[rows,16]
                yield %d
              }
              %after = silu %s : f32[rows,16]
              %y = add %after, %s : f32[rows,16]
              return %y
            }
            """)
        // The steps are 0 silu, 1 copy, 2 loop, 3 ... 5 body, 6 copy, 7 and 8 after the loop.
        let outside = try #require(plan.placements.first { $0.value.name == "outside" })
        #expect(outside.firstStep == 0 && outside.lastStep == 6)
        let carried = try #require(plan.placements.first { $0.value.name == "s" })
        #expect(carried.firstStep == 1 && carried.lastStep == 8)
        // Every place except that of the carried value is free again, so b and d share one.
        let offsets = Self.offsets(plan)
        #expect(offsets["after"] == outside.offsetPerRow)
        #expect(offsets["b"] == offsets["d"])
        #expect(plan.bytesPerRow == 4 * 64)
    }

    @Test func `parameters and results take nothing of the arena`() throws {
        let plan = try Self.plan(
            """
            func @f(%x: f32[rows,16]) -> (f32[rows,16], f32[rows,16]) {
              %s = repeat recurrences (%a = %x) : f32[rows,16] {
                yield %a
              }
              return %s, %x
            }
            """)
        #expect(plan.placements.isEmpty)
        #expect(plan.bytesPerRow == 0)
    }

    @Test func `sizes are whole cache lines, and bf16 and q8 rows whole tiles`() throws {
        let plan = try Self.plan(
            """
            weight @w : bf16[5,33]
            func @f(%x: f32[rows,33], %tokens: i32[rows]) -> f32[rows,5] {
              %low = convert %x : bf16[rows,33]
              %y = linear %low, @w : f32[rows,5]
              %low8 = convert %x : q8[rows,33]
              %t = argmax %y : i32[rows]
              %z = silu %y : f32[rows,5]
              return %z
            }
            """)
        let sizes = Dictionary(uniqueKeysWithValues: plan.placements.map { ($0.value.name, $0.bytesPerRow) })
        #expect(sizes == ["low": 128, "y": 64, "low8": 192, "t": 64])
    }
}
