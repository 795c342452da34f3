import NumberFormats
import Reports
import Runtime

/// The text of `echelon models`.
enum ModelsText {
    /// A family in some lines.
    static func text(_ family: ModelsReport.Family) -> String {
        var lines = [
            "\(family.title) (\(family.name)), \(family.paper)",
            "  checkpoints: \(family.checkpoints.joined(separator: ", "))",
            "  reads its input in every \(family.loopWord): \(answer(family.injectsInput))",
            "  trained to be read out before the last \(family.loopWord): \(answer(family.readsEarly))",
            "  \(family.loopWord)s can share a cache entry: \(answer(family.sharesCaches))",
        ]
        if family.hasExitGate { lines.append("  has an exit gate: --sampler adaptive --criterion exit-gate") }
        let works = family.samplers.filter { $0.obstacle == nil }.map(\.name.rawValue)
        lines.append("  samplers: \(works.joined(separator: ", "))")
        for sampler in family.samplers {
            if let obstacle = sampler.obstacle { lines.append("    not \(sampler.name.rawValue): \(obstacle)") }
        }
        return (lines + family.notes.map { "  note: \($0)" }).joined(separator: "\n") + "\n"
    }

    /// A model in some lines.
    static func text(_ model: ModelsReport.Model) -> String {
        func list(_ bytes: [String: Int], _ names: [String], _ text: (Int) -> String) -> String {
            names.compactMap { name in bytes[name].map { "\(name) \(text($0))" } }.joined(separator: ", ")
        }
        return """
            family \(model.family), \(model.parameters) parameters, \(model.recurrence) recurrences
            width \(model.width), vocabulary \(model.vocabulary), context \(model.context)
            weights: \(list(model.weightBytes, ElementType.weightFormats.map(\.rawValue), megabytes))
            caches, bytes a position with \(model.cacheBudget) \(model.cacheBudget == 1 ? "entry" : "entries") in each \
            recurrent block: \(list(model.cacheBytesPerPosition, CacheFormat.allCases.map(\.rawValue)) { "\($0)" })

            """
    }

    private static func answer(_ holds: Bool) -> String { holds ? "yes" : "no" }
}
