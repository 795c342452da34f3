import Foundation
import Safetensors

/// The tensors of a checkpoint, in one file or in shards.
struct CheckpointWeights {
    static let singleFile = "model.safetensors"
    static let index = "model.safetensors.index.json"

    let files: [SafetensorsFile]
    /// The index in ``files`` of each tensor's file.
    let fileOfTensor: [String: Int]

    /// Opens `model.safetensors`, or else the shards that the index names.
    /// - Throws: ``CheckpointError``, or an error of opening a file, if one is missing or damaged.
    init(_ source: CheckpointFiles) throws {
        if let file = try source.file(Self.singleFile) {
            let weights = try SafetensorsFile(file)
            files = [weights]
            fileOfTensor = Dictionary(uniqueKeysWithValues: weights.tensors.map { ($0.name, 0) })
        } else if let index = try source.file(Self.index) {
            (files, fileOfTensor) = try Self.openShards(index, source)
        } else {
            throw CheckpointError(
                "\(source.name): has neither \(Self.singleFile) nor \(Self.index); other formats of weights are not read"
            )
        }
    }

    private struct Index: Decodable {
        var weight_map: [String: String]
    }

    private static func openShards(
        _ index: MappedFile, _ source: CheckpointFiles
    ) throws -> (files: [SafetensorsFile], fileOfTensor: [String: Int]) {
        let shardOfTensor: [String: String]
        do {
            shardOfTensor = try JSONDecoder().decode(Index.self, from: index.withUnsafeBytes { Data($0) }).weight_map
        } catch {
            throw CheckpointError("\(index.name): is not a JSON object with a \"weight_map\" from tensors to files")
        }
        var files: [SafetensorsFile] = []
        var numbers: [String: Int] = [:]
        // Sorted by name, so that the first of several problems is always the same one.
        for shard in Set(shardOfTensor.values).sorted() {
            // Shards lie next to their index. Other paths would let a downloaded file choose which files are opened.
            guard !shard.isEmpty, shard != ".", shard != "..", !shard.contains("/"), !shard.contains("\0") else {
                throw CheckpointError(
                    "\(index.name): names the shard \(quoted(shard)), which is not the name of a file in the same folder"
                )
            }
            guard let file = try source.file(shard) else {
                throw CheckpointError(
                    "\(source.name): has no file \(quoted(shard)), which \(Self.index) names; "
                        + "complete the download")
            }
            numbers[shard] = files.count
            files.append(try SafetensorsFile(file))
        }
        var fileOfTensor: [String: Int] = [:]
        for (tensor, shard) in shardOfTensor.sorted(by: { $0.key < $1.key }) {
            guard let number = numbers[shard], files[number][tensor] != nil else {
                throw CheckpointError(
                    "\(index.name): places tensor \(quoted(tensor)) in \(quoted(shard)), which lacks it")
            }
            fileOfTensor[tensor] = number
        }
        return (files, fileOfTensor)
    }
}
