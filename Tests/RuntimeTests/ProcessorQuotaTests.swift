import Runtime
import Testing

/// The number of threads that a container's quota of processor time allows.
@Suite struct ProcessorQuotaTests {
    private static func cores(_ files: [String: String]) throws -> Int? {
        try withSystemFiles(files) { ProcessorQuota(root: $0).cores }
    }

    @Test func `a quota is rounded up to whole cores, and the smallest of the groups around a process counts`() throws {
        #expect(try Self.cores([:]) == nil)
        let group = "0::/a/b\n"
        #expect(try Self.cores(["proc/self/cgroup": group, "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"]) == nil)
        for (text, cores) in [("100000 100000", 1), ("150000 100000", 2), ("20000 100000", 1), ("400000 100000", 4)] {
            #expect(try Self.cores(["proc/self/cgroup": group, "sys/fs/cgroup/a/b/cpu.max": text + "\n"]) == cores)
        }
        #expect(
            try Self.cores([
                "proc/self/cgroup": group, "sys/fs/cgroup/a/b/cpu.max": "800000 100000\n",
                "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
            ]) == 3)
        for damaged in ["", "x y", "-5 100000", "100000", "100000 0"] {
            #expect(try Self.cores(["proc/self/cgroup": group, "sys/fs/cgroup/a/b/cpu.max": damaged]) == nil)
        }
    }

    @Test func `the files of the first version of control groups count, too`() throws {
        let quota = "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us"
        let period = "sys/fs/cgroup/cpu/a/cpu.cfs_period_us"
        let groups = "4:cpu,cpuacct:/a\n"
        #expect(try Self.cores(["proc/self/cgroup": groups, quota: "250000\n", period: "100000\n"]) == 3)
        #expect(try Self.cores(["proc/self/cgroup": groups, quota: "-1\n", period: "100000\n"]) == nil)
    }

    @Test func `sizes of stacks are read as OpenMP writes them`() {
        for (text, bytes) in [("4M", 4 << 20), ("512", 512 << 10), ("16k", 16 << 10), (" 2 g ", 2 << 30), ("9b", 9)] {
            #expect(ThreadEnvironment.stackBytes(text) == bytes)
        }
        for text in ["", "M", "-1k", "4X", "99999999999999999999", "9000000000000000g"] {
            #expect(ThreadEnvironment.stackBytes(text) == nil)
        }
    }
}
