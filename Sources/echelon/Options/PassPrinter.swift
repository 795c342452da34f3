import ArgumentParser
import Compiler
import IR

/// The passes after which `--print-after` prints the module.
struct PassPrinter {
    private let names: Set<String>

    init(_ names: [String]) { self.names = Set(names) }

    /// Checks that every name is `all` or a pass of the pipeline.
    /// - Throws: ``ValidationError`` if a name is neither.
    static func check(_ names: [String], _ pipeline: Pipeline) throws {
        let passes = pipeline.passes.map(\.name)
        for name in names where name != "all" && !passes.contains(name) {
            let hint = nearestName(to: name, among: passes).map { " Did you mean \($0)?" } ?? ""
            throw ValidationError(
                "--print-after \(name): no such pass runs.\(hint) The passes are \(passes.joined(separator: ", ")), and "
                    + "`all` stands for each.")
        }
    }

    /// The module's text under a heading, which is a comment of the text form; nil if the pass was not asked for.
    func text(after pass: any Pass, _ module: Module) -> String? {
        guard names.contains("all") || names.contains(pass.name) else { return nil }
        return "// after \(pass.name): \(pass.summary)\n\(module)\n"
    }
}
