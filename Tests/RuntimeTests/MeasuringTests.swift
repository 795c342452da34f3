import Plans
import Runtime
import Testing

/// Measuring changes no results, and the measurements describe the run.
@Suite struct MeasuringTests {
    private func call(recurrences: Int) -> RaggedCall {
        RaggedCall(
            function: .prefill, head: .token, recurrences: recurrences, slots: [0, 0, 0], positions: [0, 1, 2],
            tokens: [5, 7, 11], states: .zeros(rows: 3, width: 160))
    }

    @Test func `a profiled call gives the same bits, and its parts are its time`() throws {
        let model = try PlanModel(GoldenFiles.plan("odd"), threads: 2)
        let plain = try model.evaluate(call(recurrences: 6))
        model.reset(slot: 0)
        let (result, profile) = try model.profile(call(recurrences: 6))
        #expect(result == plain)
        #expect(profile.seconds > 0)
        let sum = profile.kinds.map(\.seconds).reduce(profile.barrierSeconds, +)
        #expect(abs(sum / profile.seconds - 1) < 1e-6)
        #expect(profile.kinds.allSatisfy { $0.seconds > 0 && $0.executions > 0 })
    }

    @Test func `a recording has every execution of every call, in order on each thread, within the call`() throws {
        let plan = try GoldenFiles.plan("odd")
        let model = try PlanModel(plan, threads: 2)
        let recorder = try model.startRecording(eventsPerThread: 10_000)
        for recurrences in [2, 5] {
            model.reset(slot: 0)
            _ = try model.evaluate(call(recurrences: recurrences))
        }
        model.stopRecording()
        model.reset(slot: 0)
        _ = try model.evaluate(call(recurrences: 3))

        #expect(recorder.dropped == 0)
        #expect(recorder.calls.map(\.recurrences) == [2, 5])
        #expect(recorder.calls[0].end <= recorder.calls[1].start)
        for call in recorder.calls {
            let function = plan.contents.schedule.functions[call.function]
            #expect(function.name == "prefill" && call.rows == 3 && call.context == 0 && call.isComplete)
            #expect((1...2).contains(call.threads))
            let counts = function.executions(recurrences: call.recurrences)
            // The repeat is no work.
            let expected = zip(function.instructions, counts).map { $0.opcode == .repeat ? 0 : $1 }
            #expect(recorder.executions(of: call, instructions: counts.count) == expected)
            for thread in 0..<call.threads {
                let events = recorder.events(of: call, thread: thread)
                var now = call.tape.lowerBound
                for event in events {
                    #expect(now <= event.arrival && event.arrival <= event.start && event.start <= event.end)
                    now = event.end
                }
                #expect(call.start <= call.tape.lowerBound && now <= call.tape.upperBound)
                #expect(call.tape.upperBound <= call.end)
                let work = events.map { $0.end - $0.arrival }.reduce(0, +)
                #expect(work + recorder.waitAtEnd(of: call, thread: thread) == call.tape.count)
            }
        }
    }

    @Test func `what a recording has no room for is counted, and changes no result`() throws {
        let plan = try GoldenFiles.plan("odd")
        let model = try PlanModel(plan, threads: 1)
        let plain = try model.evaluate(call(recurrences: 4))
        let function = try #require(plan.contents.schedule.functions.first { $0.name == "prefill" })
        let executions = function.executions(recurrences: 4).reduce(0, +) - 1  // the repeat is no work
        let recorder = try model.startRecording(eventsPerThread: executions + 3)
        for _ in 1...3 {
            model.reset(slot: 0)
            #expect(try model.evaluate(call(recurrences: 4)) == plain)
        }
        #expect(recorder.calls.map(\.isComplete) == [true, false])
        #expect(recorder.calls.map { recorder.events(of: $0, thread: 0).count } == [executions, 3])
        #expect(recorder.dropped == 2 * executions - 3)
        for impossible in [0, -1, Int.max] {
            #expect(throws: RuntimeError.self) { try model.startRecording(eventsPerThread: impossible) }
        }
    }

    @Test func `a profile counts the loop's body once for each recurrence`() throws {
        let model = try PlanModel(GoldenFiles.plan("odd"), threads: 2)
        func attentions(_ recurrences: Int) throws -> Int? {
            model.reset(slot: 0)
            return try model.profile(call(recurrences: recurrences)).profile.kinds
                .first { $0.opcode == "wavefront_attention" }?.executions
        }
        // There is one block in the prelude, one in the coda, and three in the core.
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
            let benchmark = try MatrixBenchmark(shape, of: plan, maxRows: 4, threads: 2)
            #expect(try benchmark.time(rows: 4, passes: 20) > .zero)
            #expect(throws: RuntimeError.self) { try benchmark.time(rows: 5) }
            #expect(throws: RuntimeError.self) { try benchmark.time(rows: 0) }
        }
        // There are four matrices in each of five blocks, two halves of the adapter, and the head.
        #expect(shapes.joined().count == 4 * 5 + 2 + 1)
        #expect(throws: RuntimeError.self) { try MatrixBenchmark([], of: plan, maxRows: 4, threads: 2) }
    }

    @Test func `probes refuse what cannot be probed`() throws {
        #expect(throws: RuntimeError.self) { try MachineProbe.readBandwidth(bytes: 0, threads: 1, repeats: 1) }
        #expect(throws: RuntimeError.self) { try MachineProbe.readBandwidth(bytes: 1 << 20, threads: 0, repeats: 1) }
        #expect(throws: RuntimeError.self) { try MachineProbe.peak(.f32, threads: 1, repeats: -1) }
        #expect(try MachineProbe.peak(.f32, threads: 1, repeats: 1) > 0)
    }
}
