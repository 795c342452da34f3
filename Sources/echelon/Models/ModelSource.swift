import CEmbeddedCheckpoint
import Checkpoints
import Foundation
import PlanBuilder
import Plans
import Safetensors

/// Where a model comes from: a plan file, a checkpoint folder, or the checkpoint embedded in this program.
enum ModelSource {
    case plan(String)
    case checkpoint(String)
    case embedded

    /// - Parameter path: nil for the embedded checkpoint.
    /// - Throws: ``CommandError`` if there is nothing at the path.
    init(path: String?) throws {
        guard let path else {
            self = .embedded
            return
        }
        switch FilePath.kind(of: path) {
        case .folder: self = .checkpoint(path)
        case .file: self = .plan(path)
        case nil: throw CommandError("There is no plan and no checkpoint folder at \(path).")
        }
    }

    /// The model as a plan; a checkpoint is compiled in memory.
    func plan(_ settings: CompilationSettings, verifying verification: Plan.Verification = .moment) throws -> Plan {
        switch self {
        case .plan(let path): return try Plan(path: path, verifying: verification)
        case .checkpoint, .embedded:
            var progress = ProgressLine("compiling")
            defer { progress.clear() }
            return try CheckpointCompiler(checkpoint(), settings).plan { done, total in
                progress.show(done, of: total)
                try Interrupt.check()
            }
        }
    }

    /// The texts of the checkpoint's documents by their file names. The weights are not loaded for them.
    func documents() throws -> [String: String] {
        switch self {
        case .plan(let path): try Plan(path: path).contents.documents
        case .checkpoint, .embedded: try checkpoint().texts()
        }
    }

    private func checkpoint() throws -> Checkpoint {
        switch self {
        case .plan(let path), .checkpoint(let path): try Checkpoint(folder: path)
        case .embedded: try Self.embeddedCheckpoint()
        }
    }

    private static func embeddedCheckpoint() throws -> Checkpoint {
        var count = 0
        let files = UnsafeBufferPointer(start: ech_embedded_checkpoint(&count), count: count)
        let mapped = files.map { file in
            let name = String(cString: file.name)
            return (
                name, MappedFile(name: name, permanent: UnsafeRawBufferPointer(start: file.bytes, count: file.size))
            )
        }
        return try Checkpoint(
            name: "the embedded checkpoint", files: Dictionary(mapped) { first, _ in first })
    }
}
