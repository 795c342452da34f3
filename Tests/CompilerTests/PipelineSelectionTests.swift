import Compiler
import IR
import RandomGraphs
import Testing

/// The orders in which passes may run, and their spelling.
@Suite struct PipelineSelectionTests {
    static let options = CompilerOptions(specializations: [Specialization("core", recurrences: 2)])

    static func refusal(_ names: [String], for options: CompilerOptions = options) -> String? {
        refusal(of: { try Pipeline(options, passes: names) })
    }

    static func refusal(parsing text: String) -> String? { refusal(of: { try Pipeline(parsing: text) }) }

    private static func refusal(of make: () throws -> Pipeline) -> String? {
        do {
            _ = try make()
            return nil
        } catch {
            return String(describing: error)
        }
    }

    // MARK: Legal orders

    @Test func `all passes in the standard order are legal, and so is each left out, and none`() throws {
        let all = Pipeline.standardNames
        #expect(try Pipeline(Self.options, passes: all).passes.map(\.name) == all)
        #expect(try Pipeline(Self.options, passes: []).passes.isEmpty)
        for name in all { #expect(Self.refusal(all.filter { $0 != name }) == nil, "\(name)") }
    }

    @Test func `what a pass follows is a pass, runs before it in the standard order, and is refused behind it`() throws
    {
        var orders = 0
        for pass in Pipeline(Self.options).passes {
            for predecessor in pass.follows {
                orders += 1
                #expect(Self.refusal([predecessor.pass, pass.name]) == nil)
                let refusal = try #require(Self.refusal([pass.name, predecessor.pass]))
                for part in [pass.name, predecessor.pass, predecessor.reason] { #expect(refusal.contains(part)) }
            }
        }
        #expect(orders >= 5)
    }

    @Test func `a name twice, and a name that there is not, are refused, and the nearest one is offered`() {
        #expect(Self.refusal(["fuse-gate", "fuse-argmax", "fuse-gate"])?.contains("fuse-gate is named twice") == true)
        #expect(Self.refusal(["fuse-gates"])?.contains("Did you mean fuse-gate?") == true)
        #expect(Self.refusal(["unroll"])?.contains("Did you mean unroll-recurrences?") == true)
        #expect(Self.refusal(["vectorize"])?.contains("Did you mean") == false)
        #expect(Self.refusal(["vectorize"])?.contains(Pipeline.standardNames.joined(separator: ", ")) == true)
        #expect(Self.refusal([""])?.contains("no pass ''") == true)
    }

    @Test func `lower-weights can be left out only where all matrices are f32`() {
        let others = Pipeline.standardNames.filter { $0 != "lower-weights" }
        #expect(
            Self.refusal(others, for: CompilerOptions(weights: .f32, rules: [.init(pattern: "*", format: .f32)])) == nil
        )
        for options in [
            CompilerOptions(weights: .bf16), CompilerOptions(rules: [.init(pattern: "lm_head*", format: .int8)]),
        ] {
            #expect(Self.refusal(others, for: options)?.contains("lower-weights cannot be left out") == true)
        }
    }

    @Test func `any legal order keeps what random graphs compute`() throws {
        var random = RandomSource(seed: 1)
        for program in try RandomPrograms.all() {
            var pipeline: Pipeline?
            while pipeline == nil {
                let names = Pipeline.standardNames.shuffled(using: &random)
                pipeline = try? Pipeline(
                    CompilerOptions(), passes: Array(names.dropLast(Int.random(in: 0...3, using: &random))))
            }
            let passes = try #require(pipeline)
            #expect(try program.difference(from: passes.run(program.module)) == nil, "\(passes.passes.map(\.name))")
        }
    }

    // MARK: Spelling

    @Test func `passes are spelled by name with their parameters, and a pass may run again`() throws {
        let text =
            "specialize-recurrences=core:2+core:3,unroll-recurrences,lower-weights=bf16+w*:int8,unroll-recurrences"
        let passes = try Pipeline(parsing: text).passes
        #expect(
            passes.map(\.name)
                == ["specialize-recurrences", "unroll-recurrences", "lower-weights", "unroll-recurrences"])
        let copies = [Specialization("core", recurrences: 2), Specialization("core", recurrences: 3)]
        #expect((passes[0] as? SpecializeRecurrences)?.specializations == copies)
        #expect(
            (passes[2] as? LowerWeights)?.formats == MatrixFormats(.bf16, rules: [.init(pattern: "w*", format: .int8)]))
        #expect(try Pipeline(parsing: "").passes.isEmpty)
        let rulesAlone = try Pipeline(parsing: "lower-weights=a:int4+b:bf16").passes[0] as? LowerWeights
        #expect(
            rulesAlone?.formats
                == MatrixFormats(.f32, rules: [.init(pattern: "a", format: .int4), .init(pattern: "b", format: .bf16)]))
    }

    @Test(arguments: [
        ("lower-weights", "lower-weights=FORMAT"), ("lower-weights=", "the parameter ''"),
        ("lower-weights=f16", "'f16'"), ("lower-weights=bf16+int8", "'int8'"), ("lower-weights=:int8", "':int8'"),
        ("lower-weights=a:b:int8", "'a:b:int8'"), ("specialize-recurrences=decode", "'decode'"),
        ("specialize-recurrences=decode:-1", "'decode:-1'"), ("specialize-recurrences=:2", "':2'"),
        ("specialize-recurrences=decode:99999999999999999999", "'decode:9"), ("fuse-gate=4", "takes no parameters"),
        ("fuse-gate,", "no pass ''"), ("fuse-gate, fuse-argmax", "Did you mean fuse-argmax?"),
        ("unroll-recurrences,specialize-recurrences=f:2", "has to run before unroll-recurrences"),
    ])
    func `what is misspelled is refused by its words`(_ text: String, _ part: String) {
        #expect(Self.refusal(parsing: text)?.contains(part) == true, "\(Self.refusal(parsing: text) ?? "legal")")
    }

    @Test func `an order is legal when a pass runs again behind the one that it follows`() {
        #expect(Self.refusal(parsing: "hoist-invariants,split-adapter") != nil)
        #expect(Self.refusal(parsing: "hoist-invariants,split-adapter,hoist-invariants") == nil)
        #expect(Self.refusal(parsing: "split-adapter,hoist-invariants,split-adapter") == nil)
    }

    // MARK: Passes on what other orders leave

    @Test func `a gate whose product is stored in q8 stays as it is`() throws {
        let text = """
            weight @w : f32[8,4]
            weight @o : int8[4,4]
            func @f(%x: f32[rows,4]) -> f32[rows,4] {
              %both = linear %x, @w : f32[rows,8]
              %gate = slice %both {from = 0, to = 4} : f32[rows,4]
              %up = slice %both {from = 4, to = 8} : f32[rows,4]
              %open = silu %gate : f32[rows,4]
              %product = multiply %open, %up : q8[rows,4]
              %y = linear %product, @o : f32[rows,4]
              return %y
            }
            """
        try expect(FuseGate(), toKeep: text)
    }

    @Test func `a loop too long to unroll stays a loop`() throws {
        let most = UnrollRecurrences.maxIterations
        try expect(UnrollRecurrences(), toKeep: UnrollRecurrencesTests.text("\(most + 1)"))
        try expect(UnrollRecurrences(), toKeep: UnrollRecurrencesTests.text("2147483647"))
        let unrolled = try UnrollRecurrences().run(module(UnrollRecurrencesTests.text("\(most)")))
        #expect(unrolled.functions[0].operations.count == 4 * most + 1)
    }

    @Test func `a copy that is not unrolled gets a tape with a loop, and no other function with a fixed count does`()
        throws
    {
        let pipeline = try Pipeline(
            Self.options, passes: Pipeline.standardNames.filter { $0 != "unroll-recurrences" })
        let lowered = try pipeline.run(module(BarrierTests.block))
        let functions = try schedule(lowered, specializations: Self.options.specializations).functions
        let looping = try #require(functions.first { $0.unrolled == nil })
        let copy = try #require(functions.first { $0.unrolled == 2 })
        #expect(copy.instructions == looping.instructions)
        #expect(copy.instructions.contains { $0.opcode == .repeat })
        let error = #expect(throws: CompilerError.self) { try schedule(lowered) }
        #expect(error?.description.contains("unroll-recurrences") == true)
    }
}
