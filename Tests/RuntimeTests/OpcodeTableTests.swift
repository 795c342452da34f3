import CExecutor
import IR
import NumberFormats
import Plans
import Testing

/// The executor's table of operations (opcodes.def) says of every operation what its record in the IR says.
@Suite struct OpcodeTableTests {
    private static func form(_ opcode: TapeOpcode) throws -> ech_opcode_form {
        for number in 0..<Int32(ECH_OPCODE_COUNT.rawValue) {
            let form = try #require(ech_opcode_describe(number)?.pointee)
            if String(cString: form.name) == opcode.name { return form }
        }
        Issue.record("The executor has no \(opcode.name).")
        throw PlanError("no such instruction")
    }

    private static func division(_ division: WorkDivision) -> ech_division {
        switch division {
        case .rows: ECH_BY_ROWS
        case .outputs: ECH_BY_OUTPUTS
        case .pairs: ECH_BY_PAIRS
        case .nothing: ECH_BY_NOTHING
        }
    }

    private static func element(_ type: ElementType) throws -> UInt32 {
        let number = try #require(
            (0..<Int32(8)).first { ech_element_name($0).map { String(cString: $0) } == type.name })
        return 1 << UInt32(number)
    }

    @Test func `both tables have the same operations`() {
        let names = (0..<Int32(ECH_OPCODE_COUNT.rawValue)).compactMap { ech_opcode_describe($0)?.pointee.name }
        #expect(Set(names.map { String(cString: $0) }) == Set(TapeOpcode.all.map(\.name)))
        #expect(names.count == TapeOpcode.all.count)
        #expect(ech_opcode_describe(-1) == nil && ech_opcode_describe(Int32(names.count)) == nil)
    }

    @Test(arguments: TapeOpcode.all)
    func `threads share the work as scheduling believes`(_ opcode: TapeOpcode) throws {
        #expect(try Self.form(opcode).division == Int32(Self.division(opcode.division).rawValue))
    }

    @Test(arguments: Opcode.allCases.filter { $0 != .repeat })
    func `operands and constants are those of the form in the text`(_ opcode: Opcode) throws {
        let form = try Self.form(.operation(opcode))
        let signature = try #require(opcode.traits.signature)
        #expect(form.inputs == Int32(signature.operands.count))
        #expect(form.outputs == Int32(signature.results.count))
        #expect(form.weights == Int32(signature.symbols.count { $0.kind == .weight }))
        #expect(form.cache == signature.symbols.contains { $0.kind == .cache })
        #expect(form.integers == Int32(signature.attributes.count { $0.kind == .integer }))
        #expect(form.floats == Int32(signature.attributes.count { $0.kind == .float }))
        #expect(form.reads_matrix == opcode.traits.readsMatrix)
    }

    /// A result that is f32 by nature may be stored as the record says; tokens stay i32.
    @Test(arguments: Opcode.allCases.filter { $0.traits.signature?.results.isEmpty == false })
    func `results are stored in the same types`(_ opcode: Opcode) throws {
        var types = opcode.traits.storableElements
        switch opcode {
        case .argmax, .linearArgmax: types.append(.i32)
        case .convert: break
        case .embed, .linear, .slice, .concat, .bias, .rope, .cacheWrite, .wavefrontAttention, .norm, .add, .silu,
            .sigmoid, .multiply, .mix, .start, .relativeDifference, .repeat, .projectRopeWrite, .linearSiluGate,
            .addNorm,
            .addNormNorm, .addKeepNorm, .normAdd, .normAddKeepNorm, .normRopeWrite:
            types.append(.f32)
        }
        #expect(try Self.form(.operation(opcode)).stored == types.map(Self.element).reduce(0, |))
    }
}
