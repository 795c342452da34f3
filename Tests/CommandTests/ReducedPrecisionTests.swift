import GoldenRuns
import Testing

/// The answers with bf16 weights, and with bf16 caches, compared with those of f32. Both samplers are greedy here.
@Suite struct ReducedPrecisionTests {
    /// The autoregressive answers of f32 are recorded, because computing more of them would take a minute.
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
        for row in try GoldenWordProblems().rows {
            let report = try generate(
                [TestModels.wordmathBF16Plan, row.question, "--sampler", "autoregressive", "--recurrence", "16"]
                    + options)
            compare(row.question, report.text, row.text)
        }
        #expect(Double(same) >= 0.95 * Double(asked), "\(same) of \(asked); not \(different)")
    }

    /// The recorded answers are those of f32 caches.
    @Test(arguments: ["diffusion", "autoregressive"], ["bf16", "int8"])
    func `smaller caches give the recorded answers, at most one of ten excepted`(
        _ sampler: String, _ caches: String
    ) throws {
        let problems = try GoldenWordProblems()
        var different: [String] = []
        for row in problems.rows {
            let report = try generate([
                row.question, "--sampler", sampler, "--recurrence", sampler == "diffusion" ? "32" : "16",
                "--init-scale", "0", "--cache-format", caches,
            ])
            if report.text != row.text { different.append(row.question) }
        }
        #expect(problems.rows.count == 10 && different.count <= 1, "\(different)")
    }

    @Test func `caches are as the plan's matrices are, unless the command line says otherwise`() throws {
        struct Generation: Decodable {
            struct Settings: Decodable { var cacheFormat: String }
            var settings: Settings
        }
        struct Profile: Decodable {
            struct Model: Decodable { var cacheFormat: String }
            var model: Model
        }
        let (f32, bf16) = (try TestModels.wordmathPlan, try TestModels.wordmathBF16Plan)
        for (model, expected) in [
            ([f32], "f32"), ([bf16], "bf16"), ([TestModels.wordmath, "--weights-for", "head=int8"], "bf16"),
            ([f32, "--cache-format", "bf16"], "bf16"), ([bf16, "--cache-format", "f32"], "f32"),
            ([bf16, "--cache-format", "int8"], "int8"),
        ] {
            let options = model.dropFirst() + ["--tokens", "1,2", "--max-new-tokens", "1", "--json"]
            let generation = try EchelonCommand.run(["generate", model[0]] + options).json(Generation.self)
            #expect(generation.settings.cacheFormat == expected, "\(model)")
            let profile = try EchelonCommand.run(["profile", model[0]] + options).json(Profile.self)
            #expect(profile.model.cacheFormat == expected, "\(model)")
        }
    }

    @Test func `a format of caches that there is not is a usage error`() throws {
        for command in ["generate", "bench", "profile", "logits"] {
            try EchelonCommand.run(command, "x y", "--cache-format", "int4").expectUsageError("int4")
        }
    }
}
