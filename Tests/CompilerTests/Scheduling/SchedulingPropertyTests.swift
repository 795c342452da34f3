import Compiler
import IR
import NumberFormats
import Plans
import RandomGraphs
import Testing

/// The schedules of random graphs, as loops and unrolled, in every weight format.
@Suite struct SchedulingPropertyTests {
    /// A scheduled function and the function from which it was made.
    struct Scheduled {
        var program: RandomProgram
        var lowered: Module
        var schedule: Schedule
        /// The index of the function in both.
        var index: Int

        var name: String { lowered.functions[index].name }
        var function: ScheduledFunction { schedule.functions[index] }
        var place: String { "seed \(program.seed), @\(name)" }
    }

    static func scheduled(_ weights: ElementType) throws -> [Scheduled] {
        try RandomPrograms.all().flatMap { program in
            let copies = [Specialization(RandomProgram.function, recurrences: program.recurrences)]
            let lowered = try Pipeline(CompilerOptions(weights: weights, specializations: copies)).run(program.module)
            let schedule = try schedule(lowered, specializations: copies)
            return lowered.functions.indices.map {
                Scheduled(program: program, lowered: lowered, schedule: schedule, index: $0)
            }
        }
    }

    @Test(arguments: [ElementType.f32, .bf16, .int8])
    func `nothing is written over a value that is still to be read, in any iteration`(_ weights: ElementType) throws {
        for scheduled in try Self.scheduled(weights) {
            for recurrences in 0...3 {
                let problems = TapeTrace(scheduled.function, recurrences: recurrences).clobbered()
                #expect(problems == [], "\(scheduled.place), \(recurrences) recurrences")
            }
        }
    }

    @Test(arguments: [ElementType.f32, .bf16, .int8])
    func `a barrier stands between any two instructions of which one writes what the other touches`(
        _ weights: ElementType
    ) throws {
        for scheduled in try Self.scheduled(weights) {
            for recurrences in 0...3 {
                let races = TapeTrace(scheduled.function, recurrences: recurrences).races()
                #expect(races == [], "\(scheduled.place), \(recurrences) recurrences")
            }
        }
    }

    @Test func `no barrier could be left out, but for those at a loop's edges`() throws {
        for scheduled in try Self.scheduled(.f32) {
            let function = scheduled.function
            var edges: Set<Int> = []
            for (index, instruction) in function.instructions.enumerated() where instruction.opcode == .repeat {
                edges.formUnion([index + 1, index + 1 + instruction.integers[0]])
            }
            for index in function.instructions.indices
            where function.instructions[index].barrier && !edges.contains(index) {
                var without = function
                without.instructions[index].barrier = false
                #expect(TapeTrace(without, recurrences: 2).races() != [], "\(scheduled.place), instruction \(index)")
            }
        }
    }

    @Test(arguments: [ElementType.f32, .bf16, .int8])
    func `tapes compute on an arena of bytes what the functions compute`(_ weights: ElementType) throws {
        for scheduled in try Self.scheduled(weights) {
            let program = scheduled.program
            let interpreter = try Interpreter(module: scheduled.lowered, weights: program.weights)
            let simulator = TapeSimulator(
                scheduled.schedule, of: scheduled.lowered, function: scheduled.name, index: scheduled.index,
                weights: program.weights)
            var (expectedCaches, foundCaches) = (CacheState(budget: program.budget), CacheState(budget: program.budget))
            for arguments in program.calls {
                let expected = try interpreter.run(
                    scheduled.name, arguments: arguments, recurrences: program.recurrences,
                    advance: max(1, program.recurrences),
                    caches: &expectedCaches)
                let found = try simulator.run(arguments, recurrences: program.recurrences, caches: &foundCaches)
                #expect(found.map(\.bits) == expected.map(\.bits), "\(scheduled.place)")
            }
        }
    }

    @Test func `the arena is never larger than without planning, and mostly much smaller`() throws {
        var (planned, unplanned) = (0, 0)
        for scheduled in try Self.scheduled(.f32) {
            let function = scheduled.function
            #expect(function.arenaBytesPerRow <= function.unplannedBytesPerRow, "\(scheduled.place)")
            planned += function.arenaBytesPerRow
            unplanned += function.unplannedBytesPerRow
            for buffer in function.buffers {
                guard case .arena(let offset) = buffer.storage else { continue }
                #expect(offset % 64 == 0 && offset >= 0, "\(scheduled.place), %\(buffer.name)")
                #expect(offset + buffer.bytesPerRow <= function.arenaBytesPerRow)
            }
        }
        #expect(planned < unplanned * 2 / 3)
    }

    @Test func `the same module always has the same schedule`() throws {
        for scheduled in try Self.scheduled(.bf16) where scheduled.index == 0 {
            let copies = [Specialization(RandomProgram.function, recurrences: scheduled.program.recurrences)]
            #expect(try schedule(scheduled.lowered, specializations: copies) == scheduled.schedule)
        }
    }

    @Test func `the memory plan that people see is the one of the tape`() throws {
        for scheduled in try Self.scheduled(.f32) {
            let plan = try MemoryPlan(scheduled.lowered.functions[scheduled.index])
            #expect(plan.bytesPerRow == scheduled.function.arenaBytesPerRow)
            #expect(plan.unplannedBytesPerRow == scheduled.function.unplannedBytesPerRow)
            let arena = scheduled.function.buffers.compactMap { buffer -> [String: Int]? in
                if case .arena(let offset) = buffer.storage { [buffer.name: offset] } else { nil }
            }
            #expect(plan.placements.map { [$0.value.name: $0.offsetPerRow] } == arena)
        }
    }
}
