import ArgumentParser
import Compiler

/// The compiler passes that a command line selects.
enum PassChoice {
    /// The names of the selected passes, in order.
    /// - Parameters:
    ///   - list: Names separated by commas; nil for all passes in the standard order.
    ///   - disabled: Names of passes to leave out.
    /// - Throws: ``CompilerError`` if a name has parameters, which commands that compile models take as options instead,
    ///   or if a disabled pass would not run anyway.
    static func names(_ list: String?, without disabled: [String]) throws -> [String] {
        let names = list.map(Pipeline.names) ?? Pipeline.standardNames
        if let word = names.first(where: { $0.contains("=") }) {
            throw CompilerError(
                "'\(word)' has parameters, which only opt takes; use --weights, --weights-for, --recurrence and "
                    + "--inner-recurrence instead.")
        }
        for name in disabled where !names.contains(name) {
            guard Pipeline.standardNames.contains(name) else { throw Pipeline.unknown(name) }
            throw CompilerError("--disable-pass \(name) disables nothing: --passes does not name it.")
        }
        return names.filter { !disabled.contains($0) }
    }
}

/// Turns a mistake in a choice of passes into a usage error, for checks that are made when the command line is read.
func checkingPasses(_ check: () throws -> Void) throws {
    do {
        try check()
    } catch let error as CompilerError {
        throw ValidationError(error.description)
    }
}
