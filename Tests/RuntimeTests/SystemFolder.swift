import Foundation

/// Writes files below a folder that stands for the root of a system, and removes it in the end.
func withSystemFiles<Result>(_ files: [String: String], _ body: (_ root: String) throws -> Result) throws -> Result {
    let root = FileManager.default.temporaryDirectory.appending(path: "echelon-system-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    for (path, text) in files {
        let file = root.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
    }
    return try body(root.path)
}
