import ArgumentParser
import NumberFormats
import PlanBuilder
import Plans

/// The options that say how a plan is opened, or how a checkpoint is compiled to one in memory.
struct PlanOptions: ParsableArguments {
    @Option(
        help: """
            Weight format if the model is a checkpoint: f32 (the default), \
            \(ElementType.weightFormats.filter { $0 != .f32 }.list("or")). A plan keeps its own.
            """)
    var weights: ElementType?

    @Option(
        help: ArgumentHelp(
            "Weight format of some matrices if the model is a checkpoint, as in compile.", valueName: "pattern=format"))
    var weightsFor: [WeightRule] = []

    @Flag(
        help: """
            Compare every weight of a plan with its checksum before use. Plans of up to 256 MiB are always compared. \
            A larger plan opens at once without this option, and only its other parts are compared.
            """)
    var verify = false

    /// The settings by which a checkpoint is compiled.
    /// - Parameter innerRecurrence: the recurrences of a step to unroll; nil for the compiler's choice.
    func settings(innerRecurrence: Int? = nil) -> CompilationSettings {
        CompilationSettings(
            weights: weights ?? .f32, weightRules: weightsFor, recurrence: nil, innerRecurrence: innerRecurrence)
    }

    /// Opens a plan, or compiles a checkpoint in memory.
    /// - Parameters:
    ///   - path: The path of a plan or a checkpoint folder; nil for the embedded checkpoint.
    ///   - settings: How a checkpoint is compiled; nil for ``settings(innerRecurrence:)``.
    /// - Throws: ``CommandError`` if weight formats are given for a plan, whose formats are fixed.
    func plan(at path: String?, _ settings: CompilationSettings? = nil) throws -> Plan {
        let source = try ModelSource(path: path)
        if case .plan(let path) = source, weights != nil || !weightsFor.isEmpty {
            let option = weights == nil ? "--weights-for" : "--weights"
            throw CommandError(
                "\(option) is only for checkpoints, which are compiled here; \(path) is a plan and keeps its formats.")
        }
        return try source.plan(settings ?? self.settings(), verifying: verify ? .whole : .moment)
    }
}
