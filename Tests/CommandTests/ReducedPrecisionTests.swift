import Testing

/// Answers of bf16 weights beside those of f32 weights. Both samplers are greedy here.
@Suite struct ReducedPrecisionTests {
    /// Autoregressive answers of f32 are on record, and asking for more of them would take a minute.
    @Test func `bf16 answers are f32's in 95 of 100 cases`() throws {
        var same = 0
        var asked = 0
        var different: [String] = []
        func compare(_ question: String, _ found: String, _ expected: String) {
            asked += 1
            if found == expected { same += 1 } else { different.append(question) }
        }
        let options = ["--init-scale", "0"]
        for question in try TestModels.testQuestions(30) {
            let exact = try generate([TestModels.wordmathPlan, question] + options)
            compare(question, try generate([TestModels.wordmathBF16Plan, question] + options).text, exact.text)
        }
        for row in try GoldenRecords.wordProblems().rows {
            let report = try generate(
                [TestModels.wordmathBF16Plan, row.question, "--sampler", "autoregressive", "--recurrence", "16"] + options)
            compare(row.question, report.text, row.text)
        }
        #expect(Double(same) >= 0.95 * Double(asked), "\(same) of \(asked); not \(different)")
    }
}
