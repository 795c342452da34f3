import PlanBuilder
import Plans
import Safetensors

/// A model to measure. Its sizes are known before its weights are made: random weights may be gigabytes, so a command can
/// refuse impossible sizes first.
struct MeasuredModel {
    private enum Source {
        case plan(Plan)
        case random(RandomPlan)
    }

    /// The model's name in reports.
    let name: String
    private let source: Source

    /// - Parameters:
    ///   - path: The path of a plan or a checkpoint folder; nil for the configuration or, if that is not given either,
    ///     the embedded checkpoint.
    ///   - settings: How a checkpoint or a configuration is compiled.
    init(
        path: String?, _ configuration: ConfigurationOptions, _ settings: CompilationSettings, _ opening: ModelOptions
    ) throws {
        if let config = configuration.config {
            name = config
            source = .random(try RandomPlan(configuration: configurationText(at: config), name: config, settings))
        } else {
            name = path.map(FilePath.readable) ?? "the embedded checkpoint"
            source = .plan(try opening.plan(at: path, settings))
        }
    }

    var settings: PlanSettings {
        switch source {
        case .plan(let plan): plan.contents.settings
        case .random(let random): random.settings
        }
    }

    func plan() throws -> Plan {
        switch source {
        case .plan(let plan): return plan
        case .random(let random):
            var progress = ProgressLine("making weights")
            defer { progress.clear() }
            return try random.plan { done, total in
                progress.show(done, of: total)
                try Interrupt.check()
            }
        }
    }
}
