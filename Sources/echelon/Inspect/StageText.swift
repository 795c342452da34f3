import IR
import Inspection
import Plans

/// The graphs and tapes of a plan as text.
struct StageText {
    let record: LoweringRecord
    private let schedule: Schedule

    init(_ record: LoweringRecord, _ plan: Plan) {
        self.record = record
        schedule = plan.contents.schedule
    }

    /// Checks that the plan has a function.
    /// - Throws: ``CommandError`` if it does not.
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

    /// The graph from which the tape is made, the tape, the memory, and the table of passes.
    func everything(of label: String, _ inspection: Inspection) throws -> String {
        let scheduled = try scheduled(label)
        let graph = try function(label, record.stages.count - 1)
        let tape = TapeListing(scheduled, schedule)
        let passes = inspection.functions.first { $0.label == label }.map { PassTable($0, inspection).text } ?? ""
        return "\(graph)\n\n\(tape.instructions)\n\n\(tape.memory)\n\n\(passes)\n"
    }

    // MARK: Functions

    private func scheduled(_ label: String) throws -> ScheduledFunction {
        guard let function = schedule.functions.first(where: { $0.label == label }) else {
            throw CommandError(
                "The plan has no function \(label). It has \(schedule.functions.map(\.label).joined(separator: ", ")).")
        }
        return function
    }

    func function(_ label: String, _ stage: Int) throws -> Function {
        let stage = record.stages[stage]
        guard let function = stage.module.function(label) else {
            throw CommandError(
                "There is no function \(label) after \(stage.name). There are "
                    + "\(stage.module.functions.map(\.name).joined(separator: ", ")).")
        }
        return function
    }
}
