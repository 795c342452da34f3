import CExecutor

/// The choice of the instruction set that the kernels use.
enum InstructionSet {
    /// The executor's number of the best instruction set of the machine, or of the one that the environment variable
    /// `ECHELON_ISA` names.
    /// - Throws: ``RuntimeError`` if the machine does not support the named one.
    static func chosen() throws -> Int32 {
        try reportingErrors { message in
            let chosen = ech_isa_choose(message)
            return chosen < 0 ? nil : chosen
        }
    }
}
