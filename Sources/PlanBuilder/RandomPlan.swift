import Architectures
import Checkpoints
import Compiler
import IR
import NumberFormats
import Plans

/// A plan of a model that has no checkpoint: the schedule of a configuration, with random weights made in the packed
/// form. The text that it generates means nothing, but takes as long as that of the real model.
public struct RandomPlan {
    private let model: ModelCompiler
    private let configurationText: String
    private let name: String

    /// - Parameters:
    ///   - json: the text of a `config.json`.
    ///   - name: the name of the model in messages.
    /// - Throws: an error that says what is wrong with the configuration, or with the settings for it.
    public init(configuration json: String, name: String, _ settings: CompilationSettings) throws {
        model = try ModelCompiler(ArchitectureRegistry.architecture(json: json, name: name), settings)
        configurationText = json
        self.name = name
    }

    /// The settings that the plan is compiled for.
    public var settings: PlanSettings { model.settings }

    /// Compiles, and fills the weights.
    /// - Parameter progress: receives the bytes filled so far and of all weights. An error that it throws ends the work.
    public func plan(progress: CheckpointCompiler.Progress = { _, _ in }) throws -> Plan {
        let contents = try model.contents(
            model.lower(), documents: [CheckpointDocument.configuration.rawValue: configurationText])
        let total = contents.schedule.weights.compactMap(\.byteCount).reduce(0, +)
        var pools: [ElementType: RandomWeights] = [:]
        var done = 0
        return try Plan.inMemory(contents, name: name) { weight, append in
            let pool = try pools[weight.format] ?? RandomWeights(weight.layout)
            pools[weight.format] = pool
            try pool.fill(weight) { bytes in
                try append(bytes)
                done += bytes.count
                try progress(done, total)
            }
        }
    }
}
