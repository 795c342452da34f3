import Safetensors

/// `model.safetensors.index.json`: the file name of each tensor's shard.
struct ShardIndex {
    let shardOfTensor: [String: String]

    /// - Throws: ``CheckpointError`` if it is no such object, or names a file outside of the folder.
    init(_ file: MappedFile) throws {
        let document = try? ConfigurationDocument(json: file.text(), name: file.name)
        guard let map = try? document?.textsByKey("weight_map") else {
            throw CheckpointError("\(file.name): is not a JSON object with a \"weight_map\" from tensors to files")
        }
        // Sorted by name, so that the first of several problems is always the same one.
        for shard in Set(map.values).sorted() {
            // Shards lie next to their index. Other paths would let a downloaded file choose which files are opened.
            guard !shard.isEmpty, shard != ".", shard != "..", !shard.contains("/"), !shard.contains("\0") else {
                throw CheckpointError(
                    "\(file.name): names the shard \(quoted(shard)), which is not the name of a file in the same folder"
                )
            }
        }
        shardOfTensor = map
    }
}

/// The name of a file that is one of a set of shards, such as `model-00001-of-00002.safetensors`.
struct ShardName: Hashable {
    let fileName: String
    /// The number of files of the set, as it is written: what their names share.
    let count: Substring

    init?(_ fileName: String) {
        let ending = ".safetensors"
        guard fileName.hasPrefix("model-"), fileName.hasSuffix(ending) else { return nil }
        let parts = fileName.dropFirst("model-".count).dropLast(ending.count).split(separator: "-of-")
        guard parts.count == 2, parts.allSatisfy({ $0.allSatisfy(\.isWholeNumber) }) else { return nil }
        self.fileName = fileName
        count = parts[1]
    }
}
