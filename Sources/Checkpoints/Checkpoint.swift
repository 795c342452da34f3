import Safetensors

/// A checkpoint, open for reading: the text of its documents, its defaults for generation, and its tensors by name.
///
/// Weights stay in their files, which are mapped; ``CheckpointTensor`` converts any number of rows at a time. Tensors
/// that are never read, such as a stored rotary table `freqs_cis`, cost nothing.
public struct Checkpoint: Sendable {
    /// The folder's path or the given name, for messages.
    public let name: String
    /// The defaults for generation: those of `generation_config.json` or, if there is none, of `config.json`.
    public let generation: GenerationConfiguration
    /// The name of `config.json` in messages, and its text.
    private let configurationName: String
    private let configurationText: String
    private let documents: [CheckpointDocument: MappedFile]
    private let weights: CheckpointWeights

    /// Opens a folder with `config.json`, and `model.safetensors` or shards with their index. The other documents may
    /// be absent.
    /// - Throws: ``CheckpointError``, `FileError` or `SafetensorsError`, if a file is missing or invalid.
    public init(folder path: String) throws {
        try self.init(CheckpointFiles(folder: path))
    }

    /// Opens files in memory, such as the embedded checkpoint.
    /// - Parameters:
    ///   - name: their common name in messages.
    ///   - files: the contents by the names that they would have in a folder.
    /// - Throws: as ``init(folder:)``.
    public init(name: String, files: [String: MappedFile]) throws {
        try self.init(.memory(name: name, files))
    }

    private init(_ source: CheckpointFiles) throws {
        name = source.name
        var documents: [CheckpointDocument: MappedFile] = [:]
        for document in CheckpointDocument.allCases {
            documents[document] = try source.file(document.rawValue)
        }
        self.documents = documents
        guard let configuration = documents[.configuration] else {
            throw CheckpointError("\(source.name): has no config.json; give the folder of a checkpoint")
        }
        configurationName = configuration.name
        configurationText = try configuration.text()
        let defaults = documents[.generationConfiguration] ?? configuration
        generation = try GenerationConfiguration(json: defaults.text(), name: defaults.name)
        weights = try CheckpointWeights(source)
    }

    /// The keys of `config.json`.
    /// - Throws: ``CheckpointError`` if it is not a JSON object.
    public var configuration: ConfigurationDocument {
        get throws { try ConfigurationDocument(json: configurationText, name: configurationName) }
    }

    /// The text of a document; nil if the checkpoint has none.
    /// - Throws: `FileError` if it is not UTF-8.
    public func text(of document: CheckpointDocument) throws -> String? {
        try documents[document]?.text()
    }

    /// The texts of all documents that the checkpoint has, by their file names.
    /// - Throws: `FileError` if one is not UTF-8.
    public func texts() throws -> [String: String] {
        Dictionary(uniqueKeysWithValues: try documents.map { ($0.key.rawValue, try $0.value.text()) })
    }

    /// The names of all tensors, in alphabetical order.
    public var tensorNames: [String] { weights.fileOfTensor.keys.sorted() }

    /// Checks that a matrix which is stored under several names is the same under all: no name says which is right. The
    /// matrices are read only if there are several.
    /// - Parameters:
    ///   - names: those under which files may store the matrix.
    ///   - key: the key of `config.json` that makes them one matrix, for the message.
    /// - Throws: ``CheckpointError`` if they differ.
    public func checkSame(_ names: [String], shape: [Int], because key: String) throws {
        let stored = try names.filter { weights.fileOfTensor[$0] != nil }.map { try tensor($0, shape: shape) }
        for other in stored.dropFirst() where try !stored[0].isEqual(to: other) {
            throw CheckpointError(
                "\(name): has \(quoted(other.name)) next to \(quoted(stored[0].name)), and they differ although "
                    + "config.json ties them; set \(quoted(key)) to false there, or remove the one that is stale")
        }
    }

    /// The tensor `name`, which has to have a type that f32 can hold and the shape that the model needs.
    /// - Parameter others: the names under which a file may store the same tensor instead.
    /// - Throws: ``CheckpointError`` that says what was found and what is needed.
    public func tensor(_ name: String, shape: [Int], or others: [String] = []) throws -> CheckpointTensor {
        let name = ([name] + others).first { weights.fileOfTensor[$0] != nil } ?? name
        guard let number = weights.fileOfTensor[name], let stored = weights.files[number][name] else {
            let missing = weights.missingFiles.map(quoted).joined(separator: ", ")
            throw CheckpointError(
                "\(self.name): has no tensor \(quoted(name)), which the model needs with shape \(shape)"
                    + (missing.isEmpty ? "" : "; it has no file \(missing) either, so complete the download"))
        }
        let file = weights.files[number]
        guard TensorConversion(from: stored.type) != nil else {
            throw CheckpointError(
                "\(file.file.name): tensor \(quoted(name)) has the element type \(stored.type.rawValue), and one of "
                    + "\(TensorConversion.names) is needed")
        }
        guard stored.shape == shape else {
            throw CheckpointError(
                "\(file.file.name): tensor \(quoted(name)) has the shape \(stored.shape), and config.json calls for \(shape)"
            )
        }
        return CheckpointTensor(stored: stored, file: file)
    }
}
