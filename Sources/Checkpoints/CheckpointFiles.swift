import Safetensors

/// The source of a checkpoint's files: a folder, or memory.
enum CheckpointFiles {
    case folder(String)
    case memory(name: String, [String: MappedFile])

    var name: String {
        switch self {
        case .folder(let path): path
        case .memory(let name, _): name
        }
    }

    /// - Throws: ``CheckpointError`` if the folder is missing or is not a folder.
    init(folder path: String) throws {
        switch FilePath.kind(of: path) {
        case .folder: self = .folder(path)
        case .file: throw CheckpointError("\(path): is a file; give the folder of a checkpoint")
        case nil: throw CheckpointError("\(path): there is no such folder; give the folder of a checkpoint")
        }
    }

    /// The names of all files, in no order.
    /// - Throws: ``CheckpointError`` if the folder cannot be listed.
    func names() throws -> [String] {
        switch self {
        case .folder(let folder):
            guard let names = FilePath.names(in: folder) else {
                throw CheckpointError("\(folder): cannot be listed; check its permissions")
            }
            return names
        case .memory(_, let files): return Array(files.keys)
        }
    }

    /// - Returns: nil if there is no such file.
    /// - Throws: ``FileError`` if it exists but cannot be read.
    func file(_ name: String) throws -> MappedFile? {
        switch self {
        case .folder(let folder):
            let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
            // A dangling link counts as existing, so that the error names it.
            return FilePath.exists(path) ? try MappedFile(path: path) : nil
        case .memory(_, let files):
            return files[name]
        }
    }
}
