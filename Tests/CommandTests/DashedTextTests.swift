import Testing

/// Texts that begin with a dash, which the parser of the command line would take for options.
@Suite struct DashedTextTests {
    @Test func `a prompt that begins with a dash is answered`() throws {
        let plain = try EchelonCommand.run("generate", "--max-new-tokens", "2", "--", "-5 + 7 = ?").succeeded().text
        for arguments in [
            ["generate", "-5 + 7 = ?", "--max-new-tokens", "2"],
            ["generate", TestModels.wordmath, "-5 + 7 = ?", "--max-new-tokens=2"],
            ["generate", "--max-new-tokens", "2", "-5 + 7 = ?"],
        ] {
            #expect(try EchelonCommand.run(arguments).succeeded().text == plain, "\(arguments)")
        }
    }

    @Test func `a system message may begin with a dash`() throws {
        for system in ["- Be brief.", "--- rules ---", "-5"] {
            _ = try EchelonCommand.run("generate", "2 + 3 = ?", "--system", system, "--max-new-tokens", "1").succeeded()
        }
    }

    @Test func `a refused word that begins with a dash comes with advice`() throws {
        for arguments in [["generate", "-5+7=?"], ["generate", "--stream", "-5 + 7 = ?"]] {
            try EchelonCommand.run(arguments).expectUsageError("put -- before it")
        }
        let typo = try EchelonCommand.run("generate", "2 + 3 = ?", "--recurence", "3")
        typo.expectUsageError("--recurence")
        #expect(!typo.errors.contains("put -- before it"))
    }
}
