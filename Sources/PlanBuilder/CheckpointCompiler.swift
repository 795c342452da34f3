import Checkpoints
import Compiler
import Huginn
import IR
import Plans

/// What to compile a checkpoint for.
public struct CompilationSettings: Hashable, Sendable {
    public var weights: WeightFormat
    /// The recurrences of a decode to unroll; nil for the checkpoint's own mean.
    public var recurrence: Int?
    /// The recurrences of a diffusion forcing step to unroll.
    public var innerRecurrence: Int
    /// The most rows a call may have; nil for the context.
    public var maxRows: Int?
    /// The longest sequence; nil for the checkpoint's.
    public var context: Int?

    public init(
        weights: WeightFormat = .f32, recurrence: Int? = nil, innerRecurrence: Int = 4, maxRows: Int? = nil,
        context: Int? = nil
    ) {
        self.weights = weights
        self.recurrence = recurrence
        self.innerRecurrence = innerRecurrence
        self.maxRows = maxRows
        self.context = context
    }
}

/// From a checkpoint to a plan: the architecture's functions, the compiler's passes, the schedule, and the weights packed
/// as it says.
public struct CheckpointCompiler {
    /// The most recurrences that are unrolled; each adds some hundred instructions to the tape.
    public static let mostUnrolled = 256

    public let checkpoint: Checkpoint
    public let settings: PlanSettings
    private let huginn: HuginnModule

    /// - Throws: ``CompilerError`` when the settings do not fit the checkpoint.
    public init(_ checkpoint: Checkpoint, _ settings: CompilationSettings = CompilationSettings()) throws {
        let configuration = checkpoint.configuration
        func bounded(_ value: Int, _ name: String, _ range: ClosedRange<Int>) throws -> Int {
            guard range.contains(value) else {
                throw CompilerError(
                    "\(name) is \(value); it has to be from \(range.lowerBound) to \(range.upperBound) for this checkpoint.")
            }
            return value
        }
        let context = try bounded(
            settings.context ?? configuration.context, "The context", 1...configuration.context)
        self.checkpoint = checkpoint
        self.settings = PlanSettings(
            width: configuration.width, vocabulary: configuration.vocabulary, context: context,
            maxRows: try bounded(settings.maxRows ?? context, "The number of rows", 1...context),
            weights: settings.weights,
            recurrence: try bounded(
                settings.recurrence ?? configuration.meanRecurrence, "The recurrence", 0...Self.mostUnrolled),
            innerRecurrence: try bounded(settings.innerRecurrence, "The inner recurrence", 1...Self.mostUnrolled))
        huginn = HuginnModule(configuration)
    }

    public var options: CompilerOptions {
        CompilerOptions(
            weights: settings.weights == .bf16 ? .bf16 : .f32,
            specializations: ["", ".logits"].flatMap { head in
                [
                    Specialization("decode\(head)", recurrences: settings.recurrence),
                    Specialization("step\(head)", recurrences: settings.innerRecurrence),
                ]
            })
    }

    /// The model before any pass.
    public func sourceModule() throws -> Module { try huginn.module() }

    /// Runs the passes. `observe` sees the module after each.
    public func lower(observe: (any Pass, Module) throws -> Void = { _, _ in }) throws -> Module {
        try Pipeline(options).run(sourceModule(), observe: observe)
    }

    /// Told of the bytes of weights stored so far and of all.
    public typealias Progress = (_ done: Int, _ total: Int) -> Void

    /// Compiles to a plan file, which appears only when it is complete.
    public func write(to path: String, module: Module, progress: @escaping Progress = { _, _ in }) throws {
        let contents = try contents(module)
        try Plan.write(contents, to: path, weights: source(module, contents, progress))
    }

    /// Compiles to a plan in memory.
    public func plan(progress: @escaping Progress = { _, _ in }) throws -> Plan {
        let module = try lower()
        let contents = try contents(module)
        return try Plan.inMemory(contents, name: checkpoint.name, weights: source(module, contents, progress))
    }

    private func contents(_ module: Module) throws -> PlanContents {
        var documents: [String: String] = [:]
        for document in CheckpointDocument.allCases {
            documents[document.rawValue] = try checkpoint.text(of: document)
        }
        return PlanContents(
            settings: settings, schedule: try schedule(module, specializations: options.specializations),
            documents: documents)
    }

    private func source(
        _ module: Module, _ contents: PlanContents, _ progress: @escaping Progress
    ) -> Plan.WeightSource {
        let declarations = Dictionary(module.weights.map { ($0.name, $0) }) { first, _ in first }
        let stored = Dictionary(huginn.weights.map { ($0.name, huginn.storedShape(of: $0)) }) { first, _ in first }
        let total = contents.schedule.weights.compactMap(\.byteCount).reduce(0, +)
        var done = 0
        return { weight, append in
            guard let declaration = declarations[weight.name],
                let shape = stored[declaration.columns?.source ?? weight.name]
            else { throw CompilerError("The schedule names a weight that the model lacks: \(weight.name).") }
            let tensor = try checkpoint.tensor(declaration.columns?.source ?? weight.name, shape: shape)
            try WeightPacker(weight, tensor: tensor, columns: declaration.columns.map { $0.from..<$0.to }).pack { bytes in
                try append(bytes)
                done += bytes.count
                progress(done, total)
            }
        }
    }
}
