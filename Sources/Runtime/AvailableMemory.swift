import Foundation

/// The memory that this process can still take: what Linux says is available, or what is left of the limit of a control
/// group that the process is in, or what the environment variable `ECHELON_MEMORY_LIMIT` allows, whichever is least.
public struct AvailableMemory {
    /// The environment variable that limits the memory of caches, in bytes.
    public static let limitVariable = "ECHELON_MEMORY_LIMIT"

    /// The number of bytes; nil if the system does not say.
    public let bytes: Int?

    /// - Parameters:
    ///   - root: the folder in which `proc` and `sys` are.
    ///   - environment: the environment variables.
    public init(root: String = "/", environment: [String: String] = ProcessInfo.processInfo.environment) {
        let files = SystemFiles(root: root)
        let limit = environment[Self.limitVariable].flatMap { Int($0) }
        bytes = ([files.machineBytes, limit].compactMap { $0 } + files.groupBytes).min()
    }
}

/// The files in which Linux tells about memory.
private struct SystemFiles {
    let root: String

    /// The memory that can be had without swapping.
    var machineBytes: Int? { number(named: "MemAvailable:", in: "proc/meminfo").map { $0 * 1024 } }

    /// What is left of the limits of the process's control group and of the groups around it, in both versions of their
    /// files. Files that a group has cached count as free if they have not been used lately.
    var groupBytes: [Int] {
        let lines = (text("proc/self/cgroup") ?? "").split(separator: "\n")
        return lines.flatMap { line -> [Int] in
            // NUMBER:CONTROLLERS:PATH; version 2 has no controllers.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return [] }
            let names = parts[2].split(separator: "/")
            let folders = (0...names.count).map { names.prefix($0).joined(separator: "/") }
            if parts[1].isEmpty {
                return folders.compactMap {
                    left(
                        in: "sys/fs/cgroup/\($0)", limit: "memory.max", used: "memory.current", cached: "inactive_file")
                }
            }
            guard parts[1].split(separator: ",").contains("memory") else { return [] }
            return folders.compactMap {
                left(
                    in: "sys/fs/cgroup/memory/\($0)", limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes",
                    cached: "total_inactive_file")
            }
        }
    }

    /// nil if the group has no limit.
    private func left(in folder: String, limit: String, used: String, cached: String) -> Int? {
        guard let limit = number("\(folder)/\(limit)"), let used = number("\(folder)/\(used)") else { return nil }
        return max(0, limit - max(0, used - (number(named: cached, in: "\(folder)/memory.stat") ?? 0)))
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) }

    private func number(_ path: String) -> Int? {
        text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    /// The number after a name at the beginning of a line.
    private func number(named name: String, in path: String) -> Int? {
        for line in (text(path) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count >= 2, words[0] == name { return Int(words[1]) }
        }
        return nil
    }
}
