import Compiler
import IR
import Testing

@Suite struct PipelineTests {
    /// A pass whose result does not verify.
    struct Breaking: Pass {
        let name = "breaking"
        let summary = "leaves a function without its operations"
        func run(_ module: Module) throws -> Module {
            var module = module
            module.functions[0].operations = []
            return module
        }
    }

    static let text = """
        func @f(%x: f32[rows,4]) -> f32[rows,4] {
          %y = silu %x : f32[rows,4]
          return %y
        }
        """

    @Test func `a pass that breaks a module is named, with what broke`() throws {
        var seen: [String] = []
        let error = #expect(throws: CompilerError.self) {
            try Pipeline(passes: [DropDeadCode(), Breaking(), FuseGate()]).run(module(Self.text)) { pass, _ in
                seen.append(pass.name)
            }
        }
        #expect(error?.description.contains("breaking") == true)
        #expect(error?.description.contains("%y") == true)
        #expect(seen == ["drop-dead-code"])
    }

    @Test func `a module that does not verify is refused before any pass sees it`() throws {
        let broken = try Breaking().run(module(Self.text))
        #expect(throws: VerificationError.self) {
            try Pipeline(CompilerOptions()).run(broken) { pass, _ in Issue.record("\(pass.name) ran") }
        }
    }

    @Test func `what the observer throws stops the pipeline`() throws {
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try Pipeline(CompilerOptions()).run(module(Self.text)) { _, _ in throw Stop() }
        }
    }

    @Test func `every pass has a name of its own and says what it does`() {
        let passes = Pipeline(CompilerOptions()).passes
        #expect(Set(passes.map(\.name)).count == passes.count)
        for pass in passes { #expect(pass.summary.split(separator: " ").count > 4, "\(pass.name)") }
    }

    @Test func `the observer sees each pass in order, with the module that the next one gets`() throws {
        var names: [String] = []
        var last: Module?
        let copies = [Specialization("core", recurrences: 2)]
        let pipeline = Pipeline(CompilerOptions(weights: .bf16, specializations: copies))
        let result = try pipeline.run(module(BarrierTests.block)) { pass, module in
            names.append(pass.name)
            last = module
        }
        #expect(names == pipeline.passes.map(\.name))
        #expect(last == result)
    }

    @Test func `in bf16 only the carried state, the input and the attention's sums are left to convert`() throws {
        let options = CompilerOptions(weights: .bf16, specializations: [Specialization("core", recurrences: 2)])
        let result = try Pipeline(options).run(module(BarrierTests.block))
        func converted(_ name: String) throws -> [String] {
            var inputs: [String] = []
            try #require(result.function(name)).forEachOperation { operation, _ in
                if operation.opcode == .convert { inputs.append(operation.operands[0].name) }
            }
            return inputs
        }
        #expect(try converted("core") == ["e", "s"])
        #expect(try converted("core.r2") == ["e", "state"])
        for weight in result.weights { #expect(weight.type.element == (weight.type.shape.count == 2 ? .bf16 : .f32)) }
    }
}
