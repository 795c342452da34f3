import IR
import Testing

/// The consistency of the fields of each operation's record. Tests/RuntimeTests compares the records with the
/// executor's.
@Suite struct OpcodeTraitsTests {
    @Test(arguments: Opcode.allCases)
    func `a record's matrix and cache are symbols of its form`(_ opcode: Opcode) {
        let traits = opcode.traits
        let kinds = traits.signature?.symbols.map(\.kind) ?? []
        #expect((traits.cache != nil) == kinds.contains(.cache))
        if traits.matrix != nil { #expect(kinds.first == .weight) }
        if case .perMatrixOutput = traits.flops { #expect(traits.readsMatrix) }
        if case .perResultColumnAndPosition = traits.flops { #expect(traits.cache == .read) }
    }

    @Test(arguments: Opcode.allCases)
    func `q8 results are stored only where a thread has whole rows`(_ opcode: Opcode) {
        guard opcode.traits.storableElements.contains(.q8) else { return }
        #expect(opcode.traits.division == .rows)
    }

    @Test(arguments: Opcode.allCases)
    func `meanings and summaries are sentences`(_ opcode: Opcode) {
        for text in [opcode.traits.meaning, opcode.traits.summary] { #expect(text.count > 3 && text.hasSuffix(".")) }
    }

    @Test func `forms are those of the text`() {
        #expect(Opcode.rope.form == "%y = rope %x, %position, @frequencies {heads, magnitude}")
        #expect(Opcode.cacheWrite.form == "cache_write %k, %v, %slot, %position, %depth, @cache {recurrence}")
        #expect(
            Opcode.projectRopeWrite.form
                == "%q = project_rope_write %x, %slot, %position, %depth, @w, @frequencies, @cache, [@b] "
                + "{heads, magnitude, recurrence}")
        #expect(Opcode.addNormNorm.form == "%x, %y = add_norm_norm %a, %b, @v, @w {eps}")
    }

    @Test func `operations on caches and loops are not pure, and all others are`() {
        let impure = Opcode.allCases.filter { !$0.traits.isPure }
        #expect(impure == [.cacheWrite, .wavefrontAttention, .repeat, .projectRopeWrite, .normRopeWrite])
    }
}
