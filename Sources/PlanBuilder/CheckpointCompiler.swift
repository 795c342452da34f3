import Architectures
import Checkpoints
import Compiler
import Foundation
import IR
import Plans

/// Compiles a checkpoint to a plan: the schedule of its architecture, and its weights packed as the schedule says.
public struct CheckpointCompiler {
    public let checkpoint: Checkpoint
    /// The part of the compilation that needs no weights.
    public let model: ModelCompiler
    /// The number of threads that convert and pack weights. It changes no bit of the plan.
    public let workers: Int

    /// - Parameter workers: one for each core of the machine if nil.
    /// - Throws: ``CompilerError`` if the settings do not fit the checkpoint.
    public init(
        _ checkpoint: Checkpoint, _ settings: CompilationSettings = CompilationSettings(), workers: Int? = nil
    ) throws {
        self.checkpoint = checkpoint
        self.workers = max(1, workers ?? ProcessInfo.processInfo.activeProcessorCount)
        var model = try ModelCompiler(ArchitectureRegistry.architecture(of: checkpoint), settings)
        model.settings.model.stopTokens = try type(of: model.architecture).record.stopTokens.ids(checkpoint.texts())
        self.model = model
    }

    /// Receives the bytes of weights stored so far, which never decrease, and of all weights. An error that it throws ends
    /// the compilation. It is called from several threads, but never by two at once.
    public typealias Progress = (_ done: Int, _ total: Int) throws -> Void

    /// Compiles to a plan file, which appears only when it is complete.
    /// - Parameter lowered: the result of ``ModelCompiler/lower(observe:)``.
    public func write(_ lowered: Module, to path: String, progress: @escaping Progress = { _, _ in }) throws {
        let contents = try contents(lowered)
        try Plan.write(contents, to: path, weights: source(lowered, contents, progress))
    }

    /// Compiles to a plan file that can be inspected but not run. The checkpoint's tensors are not read.
    public func writeWithoutWeights(_ lowered: Module, to path: String) throws {
        try Plan.writeWithoutWeights(contents(lowered), to: path)
    }

    /// Compiles to a plan in memory.
    public func plan(progress: @escaping Progress = { _, _ in }) throws -> Plan {
        let lowered = try model.lower()
        let contents = try contents(lowered)
        return try Plan.inMemory(contents, name: checkpoint.name, weights: source(lowered, contents, progress))
    }

    private func contents(_ lowered: Module) throws -> PlanContents {
        try model.contents(lowered, documents: checkpoint.texts())
    }

    private func source(
        _ lowered: Module, _ contents: PlanContents, _ progress: @escaping Progress
    ) throws -> Plan.WeightSource {
        let matrices = model.architecture.vocabularyMatrices
        let shape = model.architecture.shape
        try checkpoint.checkSame(
            matrices.tiedNames, shape: [shape.vocabulary, shape.width], because: matrices.tieKey)
        let declarations = Dictionary(lowered.weights.map { ($0.name, $0) }) { first, _ in first }
        let total = contents.schedule.weights.compactMap(\.byteCount).reduce(0, +)
        var done = 0
        return { weight, append in
            guard let declaration = declarations[weight.name] else {
                throw CompilerError("The schedule names a weight that the model lacks: \(weight.name).")
            }
            let source = try AssembledWeight(declaration, of: checkpoint, tiedNames: matrices.tiedNames)
            try WeightPacker(weight, source: source).pack(workers: workers) { bytes in
                try append(bytes)
                done += bytes.count
                try progress(done, total)
            }
        }
    }
}
