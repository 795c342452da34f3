import Plans
import Runtime
import Testing

/// Calls that cannot be run give a sentence, and leave the model usable.
@Suite struct RefusedCallTests {
    private func call(tokens: [Int32], positions: [Int32], slots: [Int32]? = nil, recurrences: Int = 1) -> RaggedCall {
        RaggedCall(
            function: .decode, head: .token, recurrences: recurrences, slots: slots ?? tokens.map { _ in 0 },
            positions: positions, tokens: tokens, states: .zeros(rows: tokens.count, width: 160))
    }

    @Test func `rows out of range are refused by name`() throws {
        let model = try PlanModel(GoldenFiles.plan("odd"))
        let refused: [(RaggedCall, String)] = [
            (call(tokens: [517], positions: [0]), "Token 517"),
            (call(tokens: [-1], positions: [0]), "Token -1"),
            (call(tokens: [1], positions: [128]), "Position 128"),
            (call(tokens: [1], positions: [-1]), "Position -1"),
            (call(tokens: [1], positions: [0], slots: [1]), "Slot 1"),
            (call(tokens: [1], positions: [1]), "before position 0"),
            (call(tokens: [1], positions: [0], recurrences: -1), "-1 recurrences"),
            (call(tokens: [1], positions: [0], recurrences: 1 << 31), "from 0 to 2147483647"),
            (call(tokens: [], positions: []), "at least one row"),
            (call(tokens: [1, 2], positions: [0]), "one for each of its rows"),
        ]
        for (call, part) in refused {
            #expect {
                _ = try model.evaluate(call)
            } throws: { error in
                "\(error)".contains(part)
            }
        }
        #expect(try model.evaluate(call(tokens: [1], positions: [0])).tokens.count == 1)
    }

    @Test func `a call with more rows than the plan allows is refused`() throws {
        let plan = try GoldenFiles.plan("odd")
        let model = try PlanModel(plan)
        let many = [Int32](repeating: 1, count: plan.contents.settings.maxRows + 1)
        #expect(throws: RuntimeError.self) {
            _ = try model.evaluate(call(tokens: many, positions: many.indices.map(Int32.init)))
        }
    }

    @Test func `impossible thread counts and budgets are refused`() throws {
        let plan = try GoldenFiles.plan("odd")
        #expect(throws: RuntimeError.self) { try PlanModel(plan, threads: 0) }
        #expect(throws: RuntimeError.self) { try PlanModel(plan, cacheBudget: 0) }
        #expect(throws: RuntimeError.self) { try PlanModel(plan, sequences: 0) }
        #expect(throws: RuntimeError.self) { try PlanModel(plan, sequences: 1 << 40) }
    }
}
