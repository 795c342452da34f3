import Foundation
import Safetensors

/// Where a checkpoint's files come from: a folder, or memory.
enum CheckpointFiles {
    case folder(String)
    case memory(name: String, [String: MappedFile])

    var name: String {
        switch self {
        case .folder(let path): path
        case .memory(let name, _): name
        }
    }

    /// - Throws: ``CheckpointError`` when the folder is missing or something else.
    init(folder path: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw CheckpointError("\(path): there is no such folder; give the folder of a checkpoint")
        }
        guard isFolder.boolValue else {
            throw CheckpointError("\(path): is a file; give the folder of a checkpoint")
        }
        self = .folder(path)
    }

    /// - Returns: nil when there is no such file.
    /// - Throws: ``FileError`` when there is one that cannot be read.
    func file(_ name: String) throws -> MappedFile? {
        switch self {
        case .folder(let folder):
            let path = (folder as NSString).appendingPathComponent(name)
            // A link to nowhere counts as there, so that the error speaks of it.
            let isThere = (try? FileManager.default.attributesOfItem(atPath: path)) != nil
            return isThere ? try MappedFile(path: path) : nil
        case .memory(_, let files):
            return files[name]
        }
    }
}
