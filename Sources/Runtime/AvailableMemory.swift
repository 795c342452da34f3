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

extension SystemFiles {
    /// The memory that can be had without swapping.
    fileprivate var machineBytes: Int? { number(named: "MemAvailable:", in: "proc/meminfo").map { $0 * 1024 } }

    /// What is left of the limits of the process's control group and of the groups around it. Files that a group has
    /// cached count as free if they have not been used lately.
    fileprivate var groupBytes: [Int] {
        groups(of: "memory").compactMap { group in
            group.version == 2
                ? left(in: group.folder, limit: "memory.max", used: "memory.current", cached: "inactive_file")
                : left(
                    in: group.folder, limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes",
                    cached: "total_inactive_file")
        }
    }

    /// nil if the group has no limit.
    private func left(in folder: String, limit: String, used: String, cached: String) -> Int? {
        guard let limit = number("\(folder)/\(limit)"), let used = number("\(folder)/\(used)") else { return nil }
        return max(0, limit - max(0, used - (number(named: cached, in: "\(folder)/memory.stat") ?? 0)))
    }
}
