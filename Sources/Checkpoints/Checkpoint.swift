import Safetensors

/// A checkpoint, open for reading: its configurations, the text of its documents, and its tensors by name.
///
/// Weights stay in their files, which are mapped; ``CheckpointTensor`` converts any number of rows at a time. Tensors
/// that are never read, such as a stored rotary table `freqs_cis`, cost nothing.
public struct Checkpoint: Sendable {
    /// The folder's path or the given name, for messages.
    public let name: String
    public let configuration: HuginnConfiguration
    /// The defaults for generation: those of `generation_config.json` or, if there is none, of `config.json`.
    public let generation: GenerationConfiguration
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
        self.configuration = try HuginnConfiguration(json: configuration.text(), name: configuration.name)
        let defaults = documents[.generationConfiguration] ?? configuration
        generation = try GenerationConfiguration(json: defaults.text(), name: defaults.name)
        weights = try CheckpointWeights(source)
        try checkQueryKeyBias(configuration.name)
    }

    /// A checkpoint with biases that its configuration denies would run without them and produce nonsense.
    private func checkQueryKeyBias(_ document: String) throws {
        guard !configuration.hasQueryKeyBias, let bias = tensorNames.first(where: { $0.hasSuffix(".attn.qk_bias") })
        else { return }
        throw CheckpointError(
            "\(document): \"qk_bias\" is false, and the weights have the tensor \(quoted(bias)); one of the two is of "
                + "another checkpoint, or \"qk_bias\" should be true")
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

    /// The names under which a tied matrix may be stored: that of the embedding, and that of the head.
    private static let tiedNames = ["transformer.wte.weight", "lm_head.weight"]

    /// The name under which a tensor is stored. A file may have a tied matrix under either name.
    private func storedName(_ name: String) -> String {
        guard configuration.tiesEmbeddings, Self.tiedNames.contains(name), weights.fileOfTensor[name] == nil else {
            return name
        }
        return Self.tiedNames.first { weights.fileOfTensor[$0] != nil } ?? name
    }

    /// Checks that a tied matrix which is stored under both names is the same under both: no name says which of two
    /// is right. The matrices are read only if both are there.
    /// - Throws: ``CheckpointError`` if they differ.
    public func checkTiedMatrix() throws {
        guard configuration.tiesEmbeddings else { return }
        let shape = [configuration.vocabulary, configuration.width]
        let stored = try Self.tiedNames.filter { weights.fileOfTensor[$0] != nil }.map { try tensor($0, shape: shape) }
        guard stored.count == 2, try !stored[0].isEqual(to: stored[1]) else { return }
        throw CheckpointError(
            "\(name): has \(quoted(stored[1].name)) next to \(quoted(stored[0].name)), and they differ although "
                + "config.json ties them; set \"tie_embeddings\" to false there, or remove the one that is stale")
    }

    /// The tensor `name`, which has to have a type that f32 can hold and the shape that the model needs.
    /// - Throws: ``CheckpointError`` that says what was found and what is needed.
    public func tensor(_ name: String, shape: [Int]) throws -> CheckpointTensor {
        let name = storedName(name)
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
