import ArgumentParser
import Compiler
import IR

/// Which of the compiler's passes a command line asks for.
enum PassChoice {
    /// - Parameters:
    ///   - list: names with commas; nil for all in the standard order.
    ///   - disabled: names to leave out.
    /// - Throws: ``CompilerError`` for parameters, which commands that compile models have as options, and for a disabled
    ///   pass that would not run anyway.
    static func names(_ list: String?, without disabled: [String]) throws -> [String] {
        let names = list.map(Pipeline.names) ?? Pipeline.standardNames
        if let word = names.first(where: { $0.contains("=") }) {
            throw CompilerError(
                "'\(word)' has parameters, which only opt takes: here --weights, --weights-for, --recurrence and "
                    + "--inner-recurrence say what to compile for.")
        }
        for name in disabled where !names.contains(name) {
            guard Pipeline.standardNames.contains(name) else { throw Pipeline.unknown(name) }
            throw CompilerError("--disable-pass \(name) disables nothing: --passes does not name it.")
        }
        return names.filter { !disabled.contains($0) }
    }
}

/// What `--print-after` asks for.
struct PassPrinter {
    private let names: Set<String>

    init(_ names: [String]) { self.names = Set(names) }

    /// - Throws: ``ValidationError`` for a name that is none of the pipeline's passes.
    static func check(_ names: [String], _ pipeline: Pipeline) throws {
        let passes = pipeline.passes.map(\.name)
        for name in names where name != "all" && !passes.contains(name) {
            let hint = nearestName(to: name, among: passes).map { " Did you mean \($0)?" } ?? ""
            throw ValidationError(
                "--print-after \(name): no such pass runs.\(hint) The passes are \(passes.joined(separator: ", ")), and "
                    + "`all` stands for each.")
        }
    }

    /// The module's text under a heading, which is a comment of the text form; nil when nobody asked for it.
    func text(after pass: any Pass, _ module: Module) -> String? {
        guard names.contains("all") || names.contains(pass.name) else { return nil }
        return "// after \(pass.name): \(pass.summary)\n\(module)\n"
    }
}

/// Checks a choice of passes when the command line is read: what is wrong with one is a usage error.
func checkingPasses(_ check: () throws -> Void) throws {
    do {
        try check()
    } catch let error as CompilerError {
        throw ValidationError(error.description)
    }
}
