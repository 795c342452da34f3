import Checkpoints
import Compiler
import GoldenRuns
import IR
import NumberFormats
import PlanBuilder
import Plans
import Runtime
import Testing

/// Plans with int8 and int4 weights, run by the executor, compared with the interpreter on the weights that the plans
/// store.
@Suite struct QuantizedPlanTests {
    static let mixed = [
        WeightRule(pattern: "head", format: .int8), WeightRule(pattern: "*.mlp.fc.*", format: .int4),
        WeightRule(pattern: "transformer.adapter.*", format: .bf16),
        WeightRule(pattern: "*.proj.weight", format: .int8),
    ]

    @Test(arguments: [
        CompilationSettings(weights: .int8, recurrence: 1), CompilationSettings(weights: .int4, recurrence: 1),
        CompilationSettings(weights: .f32, weightRules: mixed, recurrence: 1),
    ])
    func `the executor agrees with the interpreter`(_ settings: CompilationSettings) throws {
        let checkpoint = try Checkpoint(folder: GoldenFiles.folder.appending(path: "odd").path)
        let compiler = try CheckpointCompiler(checkpoint, settings)
        let plan = try compiler.plan()
        // The plan stores every weight as a matrix of its own.
        var lowered = try compiler.model.lower()
        for index in lowered.weights.indices { lowered.weights[index].source = nil }
        let interpreter = try Interpreter(module: lowered, weights: Self.weights(of: plan))

        let tokens: [Int32] = (0..<19).map { $0 * 37 % 500 }
        let width = plan.contents.settings.width
        let states = (0..<tokens.count * width).map { Float(($0 * 7919) % 1000) / 1000 - 0.5 }
        var caches = CacheState()
        let expected = try interpreter.run(
            "prefill.logits",
            arguments: [
                Tensor(tokens, shape: [tokens.count]), Tensor(tokens.map { _ in 0 }, shape: [tokens.count]),
                Tensor(tokens.indices.map(Int32.init), shape: [tokens.count]),
                Tensor(tokens.map { _ in 0 }, shape: [tokens.count]),
                Tensor(states, shape: [tokens.count, width]),
            ], recurrences: 2, caches: &caches)
        let found = try PlanModel(plan).evaluate(
            RaggedCall(
                function: .prefill, head: .logits, recurrences: 2, slots: tokens.map { _ in 0 },
                positions: tokens.indices.map(Int32.init), tokens: tokens,
                states: Latents(width: width, values: states)))
        // A last bit of a sum can move a code of a row to its neighbor, which is a 127th of the row's largest
        // magnitude.
        #expect(Self.distance(found.states.values, expected[0].floats) < 0.02)
        #expect(Self.distance(found.latents.values, expected[2].floats) < 0.02)
        #expect(Self.distance(found.logits.values, expected[3].floats) < 0.02)
    }

    @Test(arguments: [(ElementType.int8, Float(0.05)), (.int4, 0.4)])
    func `quantized logits stay near f32's on the word-problem checkpoint`(_ format: ElementType, _ bound: Float)
        throws
    {
        let problems = try GoldenWordProblems()
        let row = try #require(problems.rows.first)
        let logits = try [ElementType.f32, format].map { weights in
            let model = try PlanModel(GoldenFiles.plan(GoldenFiles.wordmath, weights: weights))
            return try InvarianceTests.prefill([(0, row.prompt_tokens)], on: model, recurrences: 16).logits.values
        }
        #expect(Self.distance(logits[1], logits[0]) < bound)
    }

    @Test func `one matrix for embedding and head has one format`() throws {
        let checkpoint = try Checkpoint(folder: GoldenFiles.wordmath.path)
        func compiler(_ rules: WeightRule...) throws -> CheckpointCompiler {
            try CheckpointCompiler(checkpoint, CompilationSettings(weights: .int4, weightRules: rules))
        }
        let error = #expect(throws: CompilerError.self) {
            _ = try compiler(
                WeightRule(pattern: "embedding", format: .bf16), WeightRule(pattern: "head", format: .int8))
        }
        #expect(error?.description.contains("bf16") == true && error?.description.contains("int8") == true)
        for word in ["embedding", "head"] {
            let module = try compiler(WeightRule(pattern: word, format: .int8)).model.lower()
            #expect(module.weight("transformer.wte.weight")?.type.element == .int8)
            #expect(module.weights.count { $0.type.element == .int8 } == 1)
        }
    }

    /// The weights that a plan's bytes represent.
    static func weights(of plan: Plan) throws -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for weight in plan.contents.schedule.weights {
            let (rows, columns) = (weight.rows, weight.columns)
            let bytes = try plan.unownedBytes(of: weight)
            let layout = try weight.layout
            let values = (0..<rows * columns).map {
                layout.element(bytes, n: $0 / columns, k: $0 % columns, rows: rows, columns: columns)
            }
            tensors[weight.name] = Tensor(
                represented: values, shape: weight.isVector ? [columns] : [rows, columns], element: weight.format)
        }
        return tensors
    }

    /// The relative distance ‖a − b‖ / ‖b‖.
    static func distance(_ a: [Float], _ b: [Float]) -> Float {
        guard a.count == b.count else { return .infinity }
        let difference = zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        return Float((difference / b.reduce(0.0) { $0 + Double($1) * Double($1) }).squareRoot())
    }
}
