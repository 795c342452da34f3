import Plans
import Runtime
import Testing

/// Measuring changes nothing, and measures what it says.
@Suite struct MeasuringTests {
    private func call(recurrences: Int) -> RaggedCall {
        RaggedCall(
            function: .prefill, head: .token, recurrences: recurrences, slots: [0, 0, 0], positions: [0, 1, 2],
            tokens: [5, 7, 11], states: .zeros(rows: 3, width: 160))
    }

    @Test func `a profiled call gives the same bits, and its parts are within its time`() throws {
        let model = try PlanModel(GoldenFiles.plan("odd"), threads: 2)
        let plain = try model.evaluate(call(recurrences: 6))
        model.reset(slot: 0)
        let (result, profile) = try model.profile(call(recurrences: 6))
        #expect(result == plain)
        #expect(profile.seconds > 0)
        #expect(profile.kinds.map(\.seconds).reduce(profile.barrierSeconds, +) <= profile.seconds)
        #expect(profile.kinds.allSatisfy { $0.seconds > 0 && $0.executions > 0 })
    }

    @Test func `a profile counts the loop's body once for each recurrence`() throws {
        let model = try PlanModel(GoldenFiles.plan("odd"), threads: 2)
        func attentions(_ recurrences: Int) throws -> Int? {
            model.reset(slot: 0)
            return try model.profile(call(recurrences: recurrences)).profile.kinds
                .first { $0.opcode == "wavefront_attention" }?.executions
        }
        // One block of the prelude, one of the coda, three of the core.
        #expect(try attentions(2) == 2 + 3 * 2)
        #expect(try attentions(5) == 2 + 3 * 5)
    }

    @Test func `every matrix of the tapes is in one shape, and each can be timed`() throws {
        let plan = try GoldenFiles.plan("odd")
        let weights = plan.contents.schedule.weights
        let shapes = MatrixBenchmark.shapes(of: plan)
        #expect(Set(shapes.joined()).count == shapes.joined().count)
        for shape in shapes {
            let sizes = Set(shape.map { [weights[$0].rows, weights[$0].columns] })
            #expect(sizes.count == 1)
            let benchmark = try MatrixBenchmark(shape, of: plan, mostRows: 4, threads: 2)
            #expect(try benchmark.time(rows: 4, passes: 20) > .zero)
            #expect(throws: RuntimeError.self) { try benchmark.time(rows: 5) }
            #expect(throws: RuntimeError.self) { try benchmark.time(rows: 0) }
        }
        // Four matrices in each of five blocks, two halves of the adapter, and the head.
        #expect(shapes.joined().count == 4 * 5 + 2 + 1)
        #expect(throws: RuntimeError.self) { try MatrixBenchmark([], of: plan, mostRows: 4, threads: 2) }
    }

    @Test func `probes refuse what cannot be probed`() throws {
        #expect(throws: RuntimeError.self) { try MachineProbe.readBandwidth(bytes: 0, threads: 1, repeats: 1) }
        #expect(throws: RuntimeError.self) { try MachineProbe.readBandwidth(bytes: 1 << 20, threads: 0, repeats: 1) }
        #expect(throws: RuntimeError.self) { try MachineProbe.peak(.f32, threads: 1, repeats: -1) }
        #expect(try MachineProbe.peak(.f32, threads: 1, repeats: 1) > 0)
    }
}
