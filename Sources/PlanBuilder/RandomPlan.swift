import Checkpoints
import Compiler
import Huginn
import IR
import NumberFormats
import Plans

/// A plan of a model that has no checkpoint: the schedule of a configuration, with random weights made in the packed
/// form. What it generates means nothing, but takes the time that the real model takes.
public struct RandomPlan {
    private let model: ModelCompiler
    private let configurationText: String
    private let name: String

    /// - Parameters:
    ///   - json: the text of a `config.json`.
    ///   - name: what messages call it.
    /// - Throws: what is wrong with the configuration, or with the settings for it.
    public init(configuration json: String, name: String, _ settings: CompilationSettings) throws {
        model = try ModelCompiler(HuginnConfiguration(json: json, name: name), settings)
        configurationText = json
        self.name = name
    }

    /// What the plan is compiled for.
    public var settings: PlanSettings { model.settings }

    /// Compiles, and fills the weights.
    /// - Parameter progress: told of the bytes filled so far and of all. What it throws ends the work.
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
