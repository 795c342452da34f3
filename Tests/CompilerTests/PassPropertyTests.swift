import Compiler
import IR
import RandomGraphs
import Testing

/// Random graphs compute the same before and after each pass, according to the interpreter.
@Suite struct PassPropertyTests {
    /// The passes that leave every rounding in place, which are all except the one that lowers weights (see
    /// `LoweringPropertyTests`). Specializing adds functions and has its own test.
    static let passes = Pipeline(CompilerOptions()).passes.filter {
        !["specialize-recurrences", "lower-weights"].contains($0.name)
    }

    @Test(arguments: passes.map(\.name))
    func `a pass alone keeps what random graphs compute`(_ name: String) throws {
        let pass = try #require(Self.passes.first { $0.name == name })
        var changed = 0
        for program in try RandomPrograms.all() {
            let result = try pass.run(program.module)
            if result == program.module { continue }
            changed += 1
            try verify(result)
            #expect(try program.difference(from: result) == nil)
        }
        // Otherwise this tests nothing. Every pass changes far more graphs than that.
        #expect(changed >= 10, "only \(changed) graphs have what \(name) looks for")
    }

    @Test func `the whole pipeline keeps what random graphs compute, after each of its passes`() throws {
        for program in try RandomPrograms.all() {
            var before = program.module
            _ = try Pipeline(CompilerOptions()).run(program.module) { pass, module in
                if module == before { return }
                before = module
                let difference = try program.difference(from: module)
                #expect(difference == nil, "after \(pass.name)")
            }
        }
    }

    @Test func `the unrolled copy computes what the loop computes, and leaves the same in the caches`() throws {
        for program in try RandomPrograms.all() {
            let unrolled = Specialization(RandomProgram.function, recurrences: program.recurrences)
            let module = try Pipeline(CompilerOptions(specializations: [unrolled])).run(program.module)
            #expect(try program.difference(from: module) == nil)
            #expect(try program.difference(from: module, function: unrolled.name) == nil)
            // Each function reads what the other has written.
            for first in [0, 1] {
                let names = first == 0 ? [unrolled.name, unrolled.function] : [unrolled.function, unrolled.name]
                let outputs = try program.outputs(of: module, functions: names)
                #expect(program.difference(from: outputs) == nil, "alternating, from \(first)")
            }
        }
    }

    @Test func `passes do nothing the second time`() throws {
        for program in try RandomPrograms.all() {
            for pass in Self.passes {
                let once = try pass.run(program.module)
                #expect(try pass.run(once) == once, "\(pass.name), seed \(program.seed)")
            }
        }
    }

    @Test func `passes are functions of the module: the same in, the same out`() throws {
        for program in try RandomPrograms.all() {
            let options = CompilerOptions(
                weights: .bf16, specializations: [Specialization(RandomProgram.function, recurrences: 2)])
            let results = try (0..<2).map { _ in try Pipeline(options).run(program.module) }
            #expect(results[0].description == results[1].description)
        }
    }
}
