import ArgumentParser
import PlanBuilder
import Plans

/// A configuration in place of a model, for commands that only measure.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A model of this configuration with random weights, made in memory.", valueName: "config.json"))
    var config: String?
}

/// A model to measure. Its sizes are known before random weights are made, which may be gigabytes: what cannot be
/// measured is refused first.
struct MeasuredModel {
    private enum Source {
        case plan(Plan)
        case random(RandomPlan)
    }

    /// What reports call it.
    let name: String
    private let source: Source

    /// - Parameters:
    ///   - path: a plan's or a checkpoint's; nil for the configuration, else for the model inside this program.
    ///   - settings: how a checkpoint or configuration is compiled.
    init(
        path: String?, _ configuration: ConfigurationOptions, _ settings: CompilationSettings, _ opening: ModelOptions
    ) throws {
        if let config = configuration.config {
            name = config
            source = .random(try RandomPlan(configuration: configurationText(at: config), name: config, settings))
        } else {
            name = path ?? "the embedded checkpoint"
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
