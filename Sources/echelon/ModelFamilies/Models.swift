import Architectures
import ArgumentParser
import Checkpoints
import NumberFormats
import PlanBuilder
import Plans
import Reports
import Runtime

struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the families of models, or describe one model.",
        discussion: """
            Without MODEL and --config it lists the families that can be compiled, their published checkpoints, and the \
            samplers that run them. With one of the two it describes that model: its size, and the memory of its weights \
            and caches in each format. --json adds the tensors that its checkpoint has to hold.

              echelon models
              echelon models path/to/Ouro-1.4B
              echelon models --config config.json --json
            """)

    @Argument(help: "A checkpoint folder or a plan.")
    var model: String?

    @Option(help: ArgumentHelp("Describe the model of this configuration.", valueName: "config.json"))
    var config: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if model != nil, config != nil {
            throw ValidationError("--config replaces the plan or checkpoint; give one of the two.")
        }
    }

    func run() throws { try reportingFailures(list) }

    private func list() throws {
        let families = ArchitectureRegistry.all.map { ModelsReport.Family($0.record) }
        let report = ModelsReport(families: families, model: try described().map { try ModelsReport.Model($0) })
        if json { return try Terminal.writeJSON(report) }
        try Terminal.write(report.model.map(ModelsText.text) ?? families.map(ModelsText.text).joined(separator: "\n"))
    }

    private func described() throws -> (any Architecture)? {
        if let config {
            return try ArchitectureRegistry.architecture(json: configurationText(at: config), name: config)
        }
        guard let model else { return nil }
        switch try ModelSource(path: model) {
        case .plan(let path): return try Plan(path: path).architecture()
        case .checkpoint(let path): return try ArchitectureRegistry.architecture(of: Checkpoint(folder: path))
        case .embedded: return nil
        }
    }
}

extension ModelsReport.Family {
    init(_ record: ArchitectureRecord) {
        let facts = record.facts()
        self.init(
            name: record.name, title: record.title, paper: record.paper, checkpoints: record.checkpoints,
            loopWord: record.loopWord, injectsInput: record.injectsInput, readsEarly: record.readsEarly,
            sharesCaches: record.sharesCaches, hasExitGate: record.hasExitGate,
            samplers: SamplerKind.allCases.map { .init(name: $0, obstacle: $0.obstacle(for: facts)) },
            notes: record.notes)
    }
}

extension ModelsReport.Model {
    /// Counts a model's weights and caches. Nothing is unrolled or fused for that.
    init(_ architecture: any Architecture) throws {
        let shape = architecture.shape
        let budget = architecture.facts.cacheBudget(recurrence: shape.recurrence)
        var weightBytes: [String: Int] = [:]
        var cacheBytes: [String: Int] = [:]
        var tensors: [ModelsReport.Tensor] = []
        for format in ElementType.weightFormats {
            let passes = format == .f32 ? [] : ["lower-weights"]
            let compiler = try ModelCompiler(architecture, CompilationSettings(weights: format, passes: passes))
            let lowered = try compiler.lower()
            let schedule = try compiler.schedule(lowered)
            weightBytes[format.rawValue] = schedule.weights.compactMap(\.byteCount).reduce(0, +)
            guard format == .f32 else { continue }
            for format in CacheFormat.allCases {
                cacheBytes[format.rawValue] = CacheMemory(of: schedule, format: format, budget: budget).bytesPerPosition
            }
            tensors = lowered.weights.flatMap(\.pieces).map { .init(name: $0.tensor, shape: $0.shape) }
        }
        self.init(
            family: type(of: architecture).record.name, width: shape.width, vocabulary: shape.vocabulary,
            context: shape.context, recurrence: shape.recurrence,
            parameters: tensors.map { $0.shape.reduce(1, *) }.reduce(0, +), weightBytes: weightBytes,
            cacheBudget: budget, cacheBytesPerPosition: cacheBytes, tensors: tensors)
    }
}
