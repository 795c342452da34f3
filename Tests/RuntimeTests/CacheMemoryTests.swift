import Foundation
import Plans
import Runtime
import Testing

/// The memory of caches: its count, the memory that there is, and the refusal of what does not fit.
@Suite struct CacheMemoryTests {
    private static let schedule = Schedule(
        weights: [],
        caches: [
            ScheduledCache(name: "outer", heads: 2, dim: 20, isRecurrent: false),
            ScheduledCache(name: "core", heads: 3, dim: 32, isRecurrent: true),
        ], functions: [])

    /// Keys and values have 2 · 32 columns, 20 rounded up, and 3 · 32.
    @Test(arguments: [
        (CacheFormat.f32, 2 * 2 * 32 * 4, 2 * 3 * 32 * 4), (.bf16, 2 * 2 * 32 * 2, 2 * 3 * 32 * 2),
        (.int8, 2 * 2 * (32 + 4), 2 * 3 * (32 + 4)),
    ])
    func `only recurrent caches grow with the budget`(_ format: CacheFormat, _ outer: Int, _ core: Int) {
        for budget in [1, 5] {
            #expect(
                CacheMemory(of: Self.schedule, format: format, budget: budget).bytesPerPosition == outer + budget * core
            )
        }
    }

    @Test func `sequences are refused from the first byte that is missing`() throws {
        let memory = CacheMemory(of: Self.schedule, format: .bf16, budget: 4)
        let needed = 3 * 100 * memory.bytesPerPosition
        try memory.check(sequences: 3, positions: 100, available: needed)
        try memory.check(sequences: 3, positions: 100, available: nil)
        let error = #expect(throws: RuntimeError.self) {
            try memory.check(sequences: 3, positions: 100, available: needed - 1)
        }
        let text = try #require(error).description
        for part in ["100 positions", "4 entries", "--max-new-tokens", "--kv-budget", "--cache-format int8;"] {
            #expect(text.contains(part.replacingOccurrences(of: ";", with: "")), "\(text)")
        }
        #expect(!text.contains("or bf16"))
    }

    @Test func `remedies are those that help`() throws {
        let error = #expect(throws: RuntimeError.self) {
            try CacheMemory(of: Self.schedule, format: .int8, budget: 1).check(positions: .max, available: .max - 1)
        }
        let text = try #require(error).description
        #expect(!text.contains("--kv-budget") && !text.contains("--cache-format"), "\(text)")
    }

    private static func available(_ files: [String: String], _ environment: [String: String] = [:]) throws -> Int? {
        try withSystemFiles(files) { AvailableMemory(root: $0, environment: environment).bytes }
    }

    @Test func `the least of the machine's, the groups' and the variable's memory counts`() throws {
        let machine = ["proc/meminfo": "MemTotal:  9000 kB\nMemAvailable:   5000 kB\n"]
        #expect(try Self.available([:]) == nil)
        #expect(try Self.available(machine) == 5000 * 1024)
        #expect(try Self.available(machine, [AvailableMemory.limitVariable: "77"]) == 77)
        #expect(try Self.available([:], [AvailableMemory.limitVariable: "many"]) == nil)

        var grouped = machine
        grouped["proc/self/cgroup"] = "0::/outer/inner\n"
        grouped["sys/fs/cgroup/outer/inner/memory.max"] = "max\n"
        grouped["sys/fs/cgroup/outer/inner/memory.current"] = "10\n"
        #expect(try Self.available(grouped) == 5000 * 1024)
        grouped["sys/fs/cgroup/outer/memory.max"] = "4000\n"
        grouped["sys/fs/cgroup/outer/memory.current"] = "1500\n"
        #expect(try Self.available(grouped) == 2500)
        grouped["sys/fs/cgroup/outer/memory.stat"] = "anon 900\ninactive_file 600\n"
        #expect(try Self.available(grouped) == 3100)
        grouped["sys/fs/cgroup/outer/memory.current"] = "5000\n"
        #expect(try Self.available(grouped) == 0)
    }

    @Test func `the files of the first version of control groups count, too`() throws {
        #expect(
            try Self.available([
                "proc/self/cgroup": "3:cpu:/a\n2:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "900",
                "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "500",
                "sys/fs/cgroup/memory/a/memory.stat": "total_inactive_file 100\n",
            ]) == 500)
    }
}
