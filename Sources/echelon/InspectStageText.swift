import Foundation
import IR
import Inspection
import Plans

/// Graphs, tapes and differences as text.
struct StageText {
    private let record: LoweringRecord
    private let schedule: Schedule

    init(_ record: LoweringRecord, _ plan: Plan) {
        self.record = record
        schedule = plan.contents.schedule
    }

    /// - Throws: ``CommandError`` when the plan has no such function.
    func check(_ label: String) throws { _ = try scheduled(label) }

    /// The module after a stage, or one function of it.
    func graph(_ stage: Int, function: String?) throws -> String {
        let module = record.stages[stage].module
        guard let function else { return "\(module)\n" }
        return "\(try self.function(function, stage))\n"
    }

    /// The tape of one function, or of all.
    func tapes(function: String?) throws -> String {
        let functions = try function.map { [try scheduled($0)] } ?? schedule.functions
        return functions.map { "\($0.label)\n\(TapeListing($0, schedule).instructions)\n" }.joined(separator: "\n")
    }

    /// The graph that the tape is made from, the tape, the memory and what each pass bought.
    func everything(of label: String, _ inspection: Inspection) throws -> String {
        let scheduled = try scheduled(label)
        let graph = try function(label, record.stages.count - 1)
        let tape = TapeListing(scheduled, schedule)
        let passes = inspection.functions.first { $0.label == label }.map { PassTable($0, inspection).text } ?? ""
        return "\(graph)\n\n\(tape.instructions)\n\n\(tape.memory)\n\n\(passes)\n"
    }

    // MARK: Differences

    /// What a pass did to one function, or to all that it changed.
    func difference(of stage: Int, function label: String?) throws -> String {
        guard stage > 0 else {
            throw CommandError("No pass comes before \(LoweringRecord.source), so there is nothing to compare it with.")
        }
        let (before, after) = (record.stages[stage - 1], record.stages[stage])
        let functions = try label.map { [try function($0, stage)] } ?? after.module.functions
        var texts: [String] = []
        if label == nil {
            texts.append(
                unified(
                    declarations(before.module), declarations(after.module), "declarations", before.name, after.name))
        }
        for function in functions {
            let old = before.module.function(function.name)
            texts.append(unified(old.map(lines) ?? [], lines(function), function.name, before.name, after.name))
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

    private func unified(_ old: [String], _ new: [String], _ name: String, _ before: String, _ after: String) -> String {
        let lines = TextDiff(from: old, to: new).unified()
        if lines.isEmpty { return "" }
        let heading = ["--- \(name) (\(before))", "+++ \(name) (\(after))"]
        return (heading + lines).map { Terminal.coloured($0, as: DiffColor(of: $0)) + "\n" }.joined()
    }

    // MARK: Functions

    private func scheduled(_ label: String) throws -> ScheduledFunction {
        guard let function = schedule.functions.first(where: { $0.label == label }) else {
            throw CommandError(
                "The plan has no function \(label). It has \(schedule.functions.map(\.label).joined(separator: ", ")).")
        }
        return function
    }

    private func function(_ label: String, _ stage: Int) throws -> Function {
        let stage = record.stages[stage]
        guard let function = stage.module.function(label) else {
            throw CommandError(
                "There is no function \(label) after \(stage.name). There are "
                    + "\(stage.module.functions.map(\.name).joined(separator: ", ")).")
        }
        return function
    }
}

/// How terminals show the lines of a diff: by the number that ANSI gives the color.
enum DiffColor: Int {
    case removed = 31, added = 32, place = 36

    init?(of line: String) {
        switch line.first {
        case "-": self = .removed
        case "+": self = .added
        case "@": self = .place
        default: return nil
        }
    }
}

extension Terminal {
    /// The text in a color when standard output is a terminal that shows colors.
    static func coloured(_ text: String, as color: DiffColor?) -> String {
        guard let color, isatty(STDOUT_FILENO) != 0, ProcessInfo.processInfo.environment["NO_COLOR"] == nil else {
            return text
        }
        return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
    }
}
