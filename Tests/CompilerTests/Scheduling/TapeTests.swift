import Compiler
import IR
import Plans
import Testing

/// The tapes of functions in the text form.
@Suite struct TapeTests {
    static func scheduled(_ text: String) throws -> ScheduledFunction {
        try #require(try schedule(module(text)).functions.first)
    }

    /// A tape with one line per instruction: `b | ` for a barrier, results, opcode, operands, and the number of
    /// instructions in a loop.
    static func listing(_ function: ScheduledFunction) -> [String] {
        function.instructions.map { instruction in
            func names(_ numbers: [Int]) -> String {
                numbers.map { "%\(function.buffers[$0].name)" }.joined(separator: ", ")
            }
            let length = instruction.opcode == .repeat ? " \(instruction.integers[0])" : ""
            let inputs = instruction.inputs.isEmpty ? "" : " \(names(instruction.inputs))"
            let outputs = instruction.outputs.isEmpty ? "" : "\(names(instruction.outputs)) = "
            return (instruction.barrier ? "b | " : "  | ") + outputs + instruction.opcode.name + inputs + length
        }
    }

    @Test func `a loop's carried value lives under the name of its result`() throws {
        let function = try Self.scheduled(
            """
            func @f(%x: f32[rows,4]) -> f32[rows,4] {
              %s = repeat recurrences (%a = %x) : f32[rows,4] {
                %b = silu %a : f32[rows,4]
                %c = silu %b : f32[rows,4]
                yield %c
              }
              %y = silu %s : f32[rows,4]
              return %y
            }
            """)
        #expect(
            Self.listing(function) == [
                "  | %s = copy %x",
                "  | repeat 3",
                "b | %b = silu %s",
                "  | %c = silu %b",
                "  | %s = copy %c",
                "b | %y = silu %s",
            ])
    }

    @Test func `carried values that change places are read before either is written`() throws {
        let function = try Self.scheduled(
            """
            func @f(%x: f32[rows,4], %y: f32[rows,4]) -> (f32[rows,4], f32[rows,4]) {
              %p, %q = repeat recurrences (%a = %x, %b = %y) : f32[rows,4], f32[rows,4] {
                yield %b, %a
              }
              return %p, %q
            }
            """)
        #expect(
            Self.listing(function) == [
                "  | %p = copy %x",
                "  | %q = copy %y",
                "  | repeat 4",
                "b | %p.next = copy %q",
                "  | %q.next = copy %p",
                "  | %p = copy %p.next",
                "  | %q = copy %q.next",
            ])
    }

    @Test func `a carried value that is yielded as itself is not copied, nor one that only another takes over`() throws
    {
        let function = try Self.scheduled(
            """
            func @f(%x: f32[rows,4], %y: f32[rows,4]) -> f32[rows,4] {
              %p, %q = repeat recurrences (%a = %x, %b = %y) : f32[rows,4], f32[rows,4] {
                %c = silu %a : f32[rows,4]
                yield %c, %b
              }
              return %p
            }
            """)
        #expect(
            Self.listing(function) == [
                "  | %p = copy %x", "  | %q = copy %y", "  | repeat 2", "b | %c = silu %p", "  | %p = copy %c",
            ])
    }

    @Test func `copies of scheduling never take the name, and so the memory, of a value`() throws {
        let function = try Self.scheduled(
            """
            func @f(%p.next: f32[rows,4], %y: f32[rows,4]) -> (f32[rows,4], f32[rows,4], f32[rows,4], f32[rows,4]) {
              %y.result3 = silu %y : f32[rows,4]
              %p, %q = repeat recurrences (%a = %p.next, %b = %y) : f32[rows,4], f32[rows,4] {
                yield %b, %p.next
              }
              return %p, %y.result3, %q, %y
            }
            """)
        #expect(Set(function.buffers.map(\.name)).count == function.buffers.count)
        for recurrences in 0...3 { #expect(TapeTrace(function, recurrences: recurrences).clobbered() == []) }
        #expect(Self.listing(function).contains("b | %p.next.1 = copy %q"))
        #expect(Self.listing(function).last == "b | %y.result3.1 = copy %y")
    }

    @Test func `results that are parameters, or returned twice, get copies of their own`() throws {
        let function = try Self.scheduled(
            """
            func @f(%x: f32[rows,4], %t: i32[rows]) -> (f32[rows,4], f32[rows,4], f32[rows,4], i32[rows]) {
              %y = silu %x : f32[rows,4]
              return %y, %x, %y, %t
            }
            """)
        #expect(
            Self.listing(function) == [
                "  | %y = silu %x",
                "  | %x.result1 = copy %x",
                "  | %y.result2 = copy %y",
                "  | %t.result3 = copy %t",
            ])
        #expect(function.results.map(\.element) == [.f32, .f32, .f32, .i32])
        #expect(
            function.buffers.compactMap { buffer in
                if case .result(let index) = buffer.storage { index } else { nil }
            } == [0, 1, 2, 3])
        #expect(function.arenaBytesPerRow == 0)
    }

    @Test func `instructions carry their constants and refer to weights and caches by number`() throws {
        let schedule = try schedule(
            module(
                """
                weight @n : f32[4]
                weight @w : bf16[12,4]
                weight @b : f32[8]
                weight @rotary : f32[1] = frequencies {base = 100.0}
                cache @first : f32[1,4]
                cache @c : f32[2,2] recurrent
                func @f.r9(%x: f32[rows,4], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,4] {
                  %s = repeat recurrences (%a = %x) : f32[rows,4] {
                    %l = norm %a, @n {eps = 0.25} : bf16[rows,4]
                    %q = project_rope_write %l, %slot, %position, %depth, @w, @rotary, @c, @b {heads = 2, magnitude = 1.5, recurrence = induction} : f32[rows,4]
                    yield %q
                  }
                  %y = wavefront_attention %s, %slot, %position, %depth, @c {heads = 2, recurrence = 7} : f32[rows,4]
                  %z = slice %y {from = 1, to = 3} : f32[rows,2]
                  return %y as state
                }
                """),
            specializations: [Specialization("f", recurrences: 9)])
        #expect(
            schedule.weights == [
                ScheduledWeight(name: "n", format: .f32, rows: 1, columns: 4),
                ScheduledWeight(name: "w", format: .bf16, rows: 12, columns: 4),
                ScheduledWeight(name: "b", format: .f32, rows: 1, columns: 8),
                ScheduledWeight(name: "rotary", format: .f32, rows: 1, columns: 1),
            ])
        #expect(
            schedule.caches == [
                ScheduledCache(name: "first", heads: 1, dim: 4, isRecurrent: false),
                ScheduledCache(name: "c", heads: 2, dim: 2, isRecurrent: true),
            ])
        let function = schedule.functions[0]
        #expect(function.name == "f")
        #expect(function.unrolled == 9)
        #expect(function.results.map(\.name) == ["state"])
        func instruction(_ opcode: String) throws -> Instruction {
            try #require(function.instructions.first { $0.opcode.name == opcode })
        }
        #expect(try instruction("norm").float == 0.25)
        #expect(try instruction("norm").weights == [0])
        let projection = try instruction("project_rope_write")
        #expect(projection.weights == [1, 3, 2] && projection.cache == 1)
        #expect(projection.integers == [2] && projection.float == 1.5)
        #expect(projection.recurrence == Instruction.induction)
        #expect(try instruction("wavefront_attention").recurrence == 7)
        #expect(try instruction("slice").integers == [1, 3])
        #expect(function.buffers.first { $0.name == "l" }?.element == .bf16)
    }

    @Test func `a loop that should have been unrolled is refused with what to do`() throws {
        let error = #expect(throws: CompilerError.self) {
            try Self.scheduled(
                """
                func @f(%x: f32[rows,4]) -> f32[rows,4] {
                  %s = repeat 3 (%a = %x) : f32[rows,4] {
                    yield %a
                  }
                  return %s
                }
                """)
        }
        #expect(error?.description.contains("@f") == true)
        #expect(error?.description.contains("unroll-recurrences") == true)
    }
}
