import CExecutor
import Foundation

/// The number of cores that this process may run on, or fewer if its control group has a quota of processor time: a
/// thread that has used up the quota stops, and the others wait for it.
public var availableCores: Int {
    let cores = Int(ech_available_cores())
    return min(cores, ProcessorQuota().cores ?? cores)
}

/// The default number of threads of a model: `OMP_NUM_THREADS`, or ``availableCores`` if it is not set.
public var defaultThreads: Int {
    getenv("OMP_NUM_THREADS") != nil ? Int(ech_default_threads()) : availableCores
}

/// The quota of processor time of a container.
public struct ProcessorQuota {
    /// The number of cores that the quota amounts to, rounded up; nil if there is no quota.
    public let cores: Int?

    /// - Parameter root: the folder in which `proc` and `sys` are.
    public init(root: String = "/") {
        let files = SystemFiles(root: root)
        cores = files.groups(of: "cpu").compactMap(files.cores).min()
    }
}

extension SystemFiles {
    /// The cores that a group's quota amounts to; nil if it has none.
    fileprivate func cores(of group: Group) -> Int? {
        let quota: Int?
        let period: Int?
        if group.version == 2 {
            // QUOTA PERIOD, in microseconds; the quota may be `max`.
            let words = (text("\(group.folder)/cpu.max") ?? "").split(whereSeparator: \.isWhitespace)
            (quota, period) = (words.first.flatMap { Int($0) }, words.dropFirst().first.flatMap { Int($0) })
        } else {
            (quota, period) = (number("\(group.folder)/cpu.cfs_quota_us"), number("\(group.folder)/cpu.cfs_period_us"))
        }
        guard let quota, let period, quota > 0, period > 0 else { return nil }
        return max(1, quota / period + (quota % period > 0 ? 1 : 0))
    }
}
