import Foundation

/// The files in which Linux tells about memory, processors and control groups.
struct SystemFiles {
    /// The folder in which `proc` and `sys` are.
    let root: String

    /// The folder of a control group that limits this process.
    struct Group {
        /// The version of the files in it: 1 or 2.
        let version: Int
        /// Its path from the root.
        let folder: String
    }

    /// The control group of the process and the groups around it, in both versions of their files.
    /// - Parameter controller: what the groups control, such as `memory` or `cpu`.
    func groups(of controller: String) -> [Group] {
        let lines = (text("proc/self/cgroup") ?? "").split(separator: "\n")
        return lines.flatMap { line -> [Group] in
            // NUMBER:CONTROLLERS:PATH; version 2 has no controllers.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return [] }
            let names = parts[2].split(separator: "/")
            let folders = (0...names.count).map { names.prefix($0).joined(separator: "/") }
            if parts[1].isEmpty { return folders.map { Group(version: 2, folder: "sys/fs/cgroup/\($0)") } }
            guard parts[1].split(separator: ",").contains(Substring(controller)) else { return [] }
            return folders.map { Group(version: 1, folder: "sys/fs/cgroup/\(controller)/\($0)") }
        }
    }

    /// The text of a file; nil if it cannot be read.
    func text(_ path: String) -> String? { try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) }

    /// The number that a file consists of.
    func number(_ path: String) -> Int? {
        text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    /// The number after a name at the beginning of a line.
    func number(named name: String, in path: String) -> Int? {
        for line in (text(path) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count >= 2, words[0] == name { return Int(words[1]) }
        }
        return nil
    }
}
