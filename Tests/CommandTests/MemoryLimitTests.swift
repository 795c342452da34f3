import Inspection
import Testing

/// Requests whose caches do not fit into memory. An environment variable stands for a small machine.
@Suite struct MemoryLimitTests {
    private static func run(_ arguments: [String], limit: Int) throws -> CommandRun {
        try EchelonCommand.run(arguments, memoryLimit: limit)
    }

    /// The bytes of a position of the odd model.
    private static func bytesPerPosition(_ format: String, budget: Int) throws -> Int {
        let plan = try EchelonCommand.run("inspect", TestModels.oddPlan, "--no-probe", "--json").json(Inspection.self)
        return try #require(plan.cacheMemory?.first { $0.format == format && $0.budget == budget }).bytesPerPosition
    }

    @Test func `a request is refused from the first byte that its positions miss`() throws {
        let needed = try 12 * Self.bytesPerPosition("f32", budget: 6)
        let request = [
            "generate", try TestModels.oddPlan, "--tokens", "1,2", "--max-new-tokens", "10", "--ignore-eos",
            "--sampler", "autoregressive", "--kv-budget", "6", "--json",
        ]
        let allowed = try Self.run(request, limit: needed)
        #expect(allowed.status == 0, "\(allowed.errors)")
        try Self.run(request, limit: needed - 1).expectRefusal(
            "12 positions", "6 entries", "available", "--max-new-tokens", "--kv-budget", "--cache-format bf16 or int8")
        // Each remedy helps.
        for remedy in [["--cache-format", "int8"], ["--kv-budget", "5"], ["--max-new-tokens", "9"]] {
            let smaller = try Self.run(request + remedy, limit: needed - 1)
            #expect(smaller.status == 0, "\(remedy): \(smaller.errors)")
        }
    }

    @Test func `profile and bench are refused, too, and whatever fits into the context is never more`() throws {
        let plan = try TestModels.oddPlan
        for command in [
            ["profile", plan, "--rows", "3", "--context", "2"], ["profile", plan, "--tokens", "1,2"],
            ["bench", plan, "--quick", "--only", "functions"],
            ["generate", plan, "--tokens", "1", "--sampler", "lossless", "--max-new-tokens", "1000000000"],
        ] {
            try Self.run(command, limit: 1000).expectRefusal("0 MB", "available")
        }
    }
}
