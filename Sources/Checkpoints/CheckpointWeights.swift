import Safetensors

/// The tensors of a checkpoint, in one file or in shards.
///
/// A checkpoint holds what its files hold. The index says which files there are, and which of two copies of a tensor
/// counts; an index that is wrong about a tensor's place, or absent, does not stop the checkpoint from being read.
struct CheckpointWeights {
    static let singleFile = "model.safetensors"
    static let index = "model.safetensors.index.json"

    private(set) var files: [SafetensorsFile] = []
    /// The index in ``files`` of each tensor's file.
    private(set) var fileOfTensor: [String: Int] = [:]
    /// The files that the index names and that are not there.
    private(set) var missingFiles: [String] = []

    /// Opens `model.safetensors`, or else the shards: those that the index names, and those of the same set.
    /// - Throws: ``CheckpointError``, or an error of opening a file, if there is none or one is damaged.
    init(_ source: CheckpointFiles) throws {
        if let file = try source.file(Self.singleFile) {
            try add(file, Self.singleFile)
            return
        }
        let index = try source.file(Self.index).map { try ShardIndex($0) }
        let indexed = Set(index?.shardOfTensor.values.map { $0 } ?? [])
        let present = try source.names()
        let listed = indexed.intersection(present)
        missingFiles = indexed.subtracting(present).sorted()
        // Shards of the sets that the index names count too, and any set if the index names no file that is there.
        let shards = present.compactMap(ShardName.init)
        let sets = Set(listed.isEmpty ? shards.map(\.count) : listed.compactMap { ShardName($0)?.count })
        guard !listed.isEmpty || sets.count < 2 else {
            throw CheckpointError(
                "\(source.name): has several sets of shards, and no \(Self.index) says which of them counts; remove all "
                    + "but one")
        }
        // Sorted by name, so that the first of several problems is always the same one.
        for shard in listed.union(shards.filter { sets.contains($0.count) }.map(\.fileName)).sorted() {
            if let file = try source.file(shard) { try add(file, shard, placed: index?.shardOfTensor) }
        }
        guard files.isEmpty else { return }
        throw CheckpointError(
            missingFiles.first.map {
                "\(source.name): has no file \(quoted($0)), which \(Self.index) names; complete the download"
            }
                ?? "\(source.name): has neither \(Self.singleFile) nor \(Self.index); other formats of weights are not read"
        )
    }

    /// - Parameter placed: the index's file name of each tensor, which decides between two copies.
    private mutating func add(_ file: MappedFile, _ fileName: String, placed: [String: String]? = nil) throws {
        let weights = try SafetensorsFile(file)
        for tensor in weights.tensors where fileOfTensor[tensor.name] == nil || placed?[tensor.name] == fileName {
            fileOfTensor[tensor.name] = files.count
        }
        files.append(weights)
    }
}
