import CEmbeddedCheckpoint
import Checkpoints
import Foundation
import PlanBuilder
import Plans
import Safetensors

/// Where a model comes from: a plan file, a checkpoint folder, or the checkpoint inside this program.
enum ModelSource {
    case plan(String)
    case checkpoint(String)
    case embedded

    /// - Parameter path: nil for the embedded checkpoint.
    /// - Throws: ``CommandError`` when there is nothing at the path.
    init(path: String?) throws {
        guard let path else {
            self = .embedded
            return
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw CommandError("There is no plan and no checkpoint folder at \(path).")
        }
        self = isFolder.boolValue ? .checkpoint(path) : .plan(path)
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

    /// The text of one of the checkpoint's documents, without loading weights where that can be avoided.
    func text(of document: CheckpointDocument) throws -> String? {
        switch self {
        case .plan(let path): try Plan(path: path).contents.documents[document.rawValue]
        case .checkpoint, .embedded: try checkpoint().text(of: document)
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

/// The text of a configuration that is given without a checkpoint.
/// - Throws: ``CommandError`` when it cannot be read.
func configurationText(at path: String) throws -> String {
    do {
        return try String(contentsOfFile: path, encoding: .utf8)
    } catch {
        throw CommandError("The configuration \(path) cannot be read as a text file.")
    }
}

/// What makes text of tokens and tokens of text, from a plan's documents.
struct TextTools {
    let tokenizer: Tokenizer
    private let documents: [String: String]

    init(_ plan: Plan) throws {
        documents = plan.contents.documents
        guard let json = documents[CheckpointDocument.tokenizer.rawValue] else {
            throw CommandError("The model has no tokenizer.json: give the prompt as --tokens and read --json's tokens.")
        }
        tokenizer = try Tokenizer(json: json.utf8)
    }

    /// The prompt's tokens: through the chat template, or as it is.
    func prompt(_ text: String, system: String?, raw: Bool) throws -> [Int32] {
        if raw { return try tokenizer.encode(text, addSpecialTokens: true) }
        let template = try ChatTemplate(
            tokenizerConfiguration: documents[CheckpointDocument.tokenizerConfiguration.rawValue] ?? "{}",
            jinjaFile: documents[CheckpointDocument.chatTemplate.rawValue], folder: "the model")
        var messages = [ChatMessage(role: "user", content: text)]
        if let system { messages.insert(ChatMessage(role: "system", content: system), at: 0) }
        // The template writes the special tokens itself.
        return try tokenizer.encode(
            template.render(messages: messages, addGenerationPrompt: true), addSpecialTokens: false)
    }
}

extension Plan {
    /// The checkpoint's defaults for generation.
    func generationConfiguration() throws -> GenerationConfiguration {
        let name = CheckpointDocument.generationConfiguration.rawValue
        guard let json = contents.documents[name] else { return GenerationConfiguration() }
        return try GenerationConfiguration(json: json, name: name)
    }

    func huginnConfiguration() throws -> HuginnConfiguration {
        let name = CheckpointDocument.configuration.rawValue
        guard let json = contents.documents[name] else { throw CommandError("The plan has no config.json.") }
        return try HuginnConfiguration(json: json, name: name)
    }
}

/// A failure of a command, in a sentence.
struct CommandError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
