import Compiler
import IR
import NumberFormats
import Plans
import RandomGraphs
import Testing

/// The effect of bf16, int8 and int4 on the numbers of random graphs.
@Suite struct LoweringPropertyTests {
    /// The rules of each format alone, and of all formats by the last digit of the matrix's name.
    static let formats = [
        MatrixFormats(.bf16), MatrixFormats(.int8), MatrixFormats(.int4),
        MatrixFormats(
            .f32,
            rules: [
                WeightRule(pattern: "*[0369]", format: .int8), WeightRule(pattern: "*[147]", format: .bf16),
                WeightRule(pattern: "*[258]", format: .int4),
            ]),
    ]

    /// Lowers with the rules that apply to some matrix of the module, because the others would be refused.
    static func lowered(_ module: Module, _ formats: MatrixFormats) throws -> Module {
        var formats = formats
        formats.rules = formats.rules.filter { rule in
            module.weights.contains { $0.name.hasPrefix("matrix") && NamePattern(rule.pattern).matches($0.name) }
        }
        return try LowerWeights(formats).run(module)
    }

    @Test(arguments: formats)
    func `storing rows converted gives the same bits as converting them`(_ formats: MatrixFormats) throws {
        var fused = 0
        for program in try RandomPrograms.all() {
            let lowered = try Self.lowered(program.module, formats)
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

    @Test(arguments: formats)
    func `lowered modules read back as they are printed`(_ formats: MatrixFormats) throws {
        for program in try RandomPrograms.all() {
            let lowered = try Self.lowered(program.module, formats)
            #expect(try Module(parsing: lowered.description) == lowered, "seed \(program.seed)")
        }
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
                    // Sums in another order may round an element in the other direction.
                    #expect(distance <= 0.05, "seed \(program.seed), @\(function), result \(index)")
                }
            }
        }
    }

    // The largest error of these graphs is 0.055 in bf16; a wrong operand or weight gives 1. In int4, single graphs
    // have much larger errors than the median, so only the median is bounded.
    @Test(arguments: [(ElementType.bf16, Float(0.01)), (.int8, 0.03), (.int4, 0.3)])
    func `what is lowered stays near f32`(_ element: ElementType, _ median: Float) throws {
        var distances: [Float] = []
        for program in try RandomPrograms.all() {
            let expected = try program.outputs(of: program.module)
            let found = try program.outputs(of: LowerWeights(element).run(program.module))
            for (wanted, found) in zip(expected, found) where wanted.element == .f32 {
                distances.append(RandomProgram.relativeDistance(wanted.floats, found.floats))
            }
        }
        distances.sort()
        #expect(distances[distances.count / 2] <= median)
        if element == .bf16 { #expect(try #require(distances.last) <= 0.15) }
    }
}

extension Tensor {
    /// The bits of the elements, so that NaN equals itself and zeros with different signs differ.
    var bits: [UInt32] { floats.map(\.bitPattern) + integers.map(UInt32.init(bitPattern:)) }
}
