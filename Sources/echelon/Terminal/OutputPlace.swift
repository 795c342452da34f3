import Foundation
import Safetensors

/// The place that a command writes a result to: standard output, a pipe or device that exists, or a file, which appears
/// only when it is complete. It is checked before the work begins.
struct OutputPlace {
    private enum Kind {
        case standardOutput
        /// A pipe, a device or one of the process's descriptors, which is written to as it is.
        case stream(String)
        case file(String)
    }

    private let kind: Kind

    /// - Parameters:
    ///   - path: The path of the output; nil or `-` for standard output.
    ///   - inputs: The paths of the files and folders that the command reads.
    /// - Throws: ``UsageError`` if the output is one of the inputs, ``FileError`` if it cannot be written.
    init(_ path: String?, apartFrom inputs: [String?] = []) throws {
        guard let path, path != "-" else {
            kind = .standardOutput
            return
        }
        try Self.requireDistinct(path, from: inputs)
        if Self.isStream(path) {
            kind = .stream(path)
        } else {
            // Creating the temporary file shows whether the place can be written to.
            _ = try AtomicFile(path: path)
            kind = .file(path)
        }
    }

    /// Whether the result goes to standard output, so that nothing else may.
    var isStandardOutput: Bool {
        if case .standardOutput = kind { true } else { false }
    }

    func write(_ text: String) throws {
        switch kind {
        case .standardOutput: try Terminal.write(text)
        case .stream(let path): try Self.stream(Data(text.utf8), to: path)
        case .file(let path):
            let file = try AtomicFile(path: path)
            try Data(text.utf8).withUnsafeBytes { try file.append($0) }
            try file.commit()
        }
    }

    // MARK: Checks

    /// Checks the place of a file that can only be written as a file, and not to a pipe.
    /// - Parameters:
    ///   - contents: what the file will hold, such as `a plan`.
    /// - Throws: ``UsageError`` if the output is one of the inputs or no file, ``FileError`` if it cannot be written.
    static func checkFile(_ path: String, of contents: String, apartFrom inputs: [String?]) throws {
        let place = try OutputPlace(path, apartFrom: inputs)
        guard case .file = place.kind else {
            throw UsageError("\(path): \(contents) is written to a file and not to a pipe or a device; give its name.")
        }
    }

    /// Checks that a path is none of the files that a command reads.
    /// - Parameter inputs: Files, and folders whose files are read.
    /// - Throws: ``UsageError`` if it is, by whatever name or link.
    static func requireDistinct(_ path: String, from inputs: [String?]) throws {
        guard let output = FileIdentity(path: path), output.isRegular else { return }
        for input in inputs.compactMap({ $0 }) {
            for file in files(at: input) where FileIdentity(path: file) == output {
                throw UsageError(
                    "The output \(path) is the same file as the input \(file), which would be overwritten; give "
                        + "another name.")
            }
        }
        if FileIdentity(descriptor: STDIN_FILENO) == output {
            throw UsageError(
                "The output \(path) is the same file as standard input, which would be overwritten; give another name.")
        }
    }

    /// A file itself; for a folder all files in it and in its folders. No checkpoint is deeper, and a whole disk that is
    /// given by mistake is not searched.
    private static func files(at path: String) -> [String] {
        guard let names = FilePath.names(in: path) else { return [path] }
        return names.flatMap { name -> [String] in
            let inner = "\(path)/\(name)"
            return [inner] + (FilePath.names(in: inner) ?? []).map { "\(inner)/\($0)" }
        }
    }

    private static func isStream(_ path: String) -> Bool {
        // A descriptor is written to even if it is open on a regular file, which a rename would detach from it.
        let descriptors = ["/dev/stdout", "/dev/stderr"]
        if descriptors.contains(path) || path.hasPrefix("/dev/fd/") || path.hasPrefix("/proc/self/fd/") { return true }
        guard let identity = FileIdentity(path: path) else { return false }
        return !identity.isRegular && !identity.isFolder
    }

    private static func stream(_ data: Data, to path: String) throws {
        // A redirected file that is opened again would be written from its start.
        if path == "/dev/stdout" { return try FileHandle.standardOutput.write(contentsOf: data) }
        try FilePath.write(data, toStream: path)
    }
}
