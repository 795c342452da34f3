import IR
import Inspection

extension StageText {
    /// The diff that shows what a pass changed, in one function or in all.
    /// - Parameter repeats: Whether to show changes that equal earlier ones except for names.
    func difference(of stage: Int, function label: String?, repeats: Bool) throws -> String {
        guard stage > 0 else {
            throw CommandError("No pass comes before \(LoweringRecord.source), so there is nothing to compare it with.")
        }
        let (before, after) = (record.stages[stage - 1], record.stages[stage])
        let functions = try label.map { [try function($0, stage)] } ?? after.module.functions
        var texts: [String] = []
        if label == nil {
            texts.append(
                unified(declarations(before.module), declarations(after.module), "declarations", stage, repeats))
        }
        for function in functions {
            let old = before.module.function(function.name)
            texts.append(unified(old.map(lines) ?? [], lines(function), function.name, stage, repeats))
        }
        let changed = texts.filter { !$0.isEmpty }
        guard !changed.isEmpty else { return "\(after.name) changes nothing\(label.map { " in \($0)" } ?? "").\n" }
        return "\(after.name): \(after.summary)\n\n" + changed.joined(separator: "\n")
    }

    private func lines(_ function: Function) -> [String] { lines("\(function)") }

    private func lines(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private func declarations(_ module: Module) -> [String] {
        module.weights.map(\.description) + module.caches.map(\.description)
    }

    private func unified(_ old: [String], _ new: [String], _ name: String, _ stage: Int, _ repeats: Bool) -> String {
        let hunks = TextDiff(from: old, to: new).hunks()
        if hunks.isEmpty { return "" }
        let shown = hunks.filter { repeats || !$0.isRepeated }
        let stages = record.stages
        var lines = ["--- \(name) (\(stages[stage - 1].name))", "+++ \(name) (\(stages[stage].name))"]
        lines += shown.flatMap { [$0.heading] + $0.lines }
        if shown.count < hunks.count {
            lines.append(
                "@@ and \(hunks.count - shown.count) places more that differ only in names; --unfold shows them @@"
            )
        }
        return lines.map { Terminal.colored($0, as: DiffColor(of: $0)) + "\n" }.joined()
    }
}
