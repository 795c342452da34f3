import Compiler
import IR
import RandomGraphs
import Testing

/// What bf16 does to the numbers of random graphs.
@Suite struct LoweringPropertyTests {
    @Test func `storing rows converted gives the same bits as converting them`() throws {
        var fused = 0
        for program in try RandomPrograms.all() {
            let lowered = try LowerWeights(.bf16).run(program.module)
            try verify(lowered)
            let result = try FuseConversions().run(lowered)
            try verify(result)
            if result == lowered { continue }
            fused += 1
            let (found, expected) = (try program.outputs(of: result), try program.outputs(of: lowered))
            #expect(found.map(\.bits) == expected.map(\.bits), "seed \(program.seed)")
        }
        #expect(fused >= 30)
    }

    @Test func `the bf16 pipeline rounds where lowering alone rounds`() throws {
        for program in try RandomPrograms.all() {
            let unrolled = Specialization(RandomProgram.function, recurrences: program.recurrences)
            let options = CompilerOptions(weights: .bf16, specializations: [unrolled])
            let expected = try program.outputs(of: LowerWeights(.bf16).run(program.module))
            let module = try Pipeline(options).run(program.module)
            for function in [unrolled.function, unrolled.name] {
                let found = try program.outputs(of: module, function: function)
                for (index, (wanted, found)) in zip(expected, found).enumerated() where wanted.element == .f32 {
                    let distance = RandomProgram.relativeDistance(wanted.floats, found.floats)
                    // Sums in another order may round an element the other way.
                    #expect(distance <= 0.05, "seed \(program.seed), @\(function), result \(index)")
                }
            }
        }
    }

    @Test func `bf16 stays near f32`() throws {
        for program in try RandomPrograms.all() {
            let expected = try program.outputs(of: program.module)
            let found = try program.outputs(of: LowerWeights(.bf16).run(program.module))
            for (wanted, found) in zip(expected, found) where wanted.element == .f32 {
                // The worst of these graphs is at 0.055; a wrong operand or weight is at 1.
                #expect(RandomProgram.relativeDistance(wanted.floats, found.floats) <= 0.15, "seed \(program.seed)")
            }
        }
    }
}

extension Tensor {
    /// The elements' bits, so that NaN equals itself and zeros of other signs differ.
    var bits: [UInt32] { floats.map(\.bitPattern) + integers.map(UInt32.init(bitPattern:)) }
}
