import Architectures
import Compiler
import Foundation
import Inspection
import PlanBuilder
import Plans
import RepositoryFiles

/// The inspections that several tests use. Each is made once.
enum InspectedModels {
    struct Model: Sendable {
        var compiler: ModelCompiler
        var record: LoweringRecord
        var schedule: Schedule
        var inspection: Inspection

        func function(_ label: String) throws -> InspectedFunction {
            guard let function = inspection.functions.first(where: { $0.label == label }) else {
                throw InspectionError("The inspection has no function \(label).")
            }
            return function
        }
    }

    /// An inspection with the sizes of Huginn-0125, from its configuration alone.
    static var full: Model { get throws { try fullResult.get() } }
    /// An inspection of a small model of odd sizes.
    static var small: Model { get throws { try smallResult.get() } }

    private static let fullResult = Result {
        try model("Tools/bench/huginn-0125.json", CompilationSettings(weights: .int8))
    }
    private static let smallResult = Result {
        try model("Tests/Golden/odd/config.json", CompilationSettings(weights: .bf16))
    }

    static func model(_ path: String, _ settings: CompilationSettings) throws -> Model {
        let json = try String(contentsOf: Repository.root.appending(path: path), encoding: .utf8)
        let compiler = try ModelCompiler(ArchitectureRegistry.architecture(json: json, name: path), settings)
        let record = try LoweringRecord(compiler)
        let schedule = try compiler.schedule(record.lowered)
        let inspection = try Inspection(
            record, compiler: compiler, schedule: schedule, plan: path, bytes: 0, hasWeights: false)
        return Model(compiler: compiler, record: record, schedule: schedule, inspection: inspection)
    }
}
