import CExecutor

enum InstructionSet {
    /// The executor's number of the machine's best set, or of the one that the environment variable `ECHELON_ISA` names.
    /// - Throws: ``RuntimeError`` when the machine lacks that one.
    static func chosen() throws -> Int32 {
        try reportingErrors { message in
            let chosen = ech_isa_choose(message)
            return chosen < 0 ? nil : chosen
        }
    }
}
