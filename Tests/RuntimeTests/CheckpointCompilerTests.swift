import Checkpoints
import Foundation
import IR
import NumberFormats
import PlanBuilder
import Plans
import Safetensors
import Testing

/// The weights of a plan have the same bits for any number of threads and of checkpoint files.
@Suite struct CheckpointCompilerTests {
    let checkpoint: RandomCheckpoint

    init() throws { checkpoint = try RandomCheckpoint() }

    func compiler(_ folder: String, _ format: ElementType, workers: Int? = nil) throws -> CheckpointCompiler {
        try CheckpointCompiler(
            Checkpoint(folder: checkpoint.path(folder)),
            CompilationSettings(weights: format, recurrence: 2, innerRecurrence: 1), workers: workers)
    }

    /// Compiles to a file and returns its bytes.
    func compiled(_ folder: String, _ format: ElementType, workers: Int? = nil) throws -> Data {
        let compiler = try compiler(folder, format, workers: workers)
        let path = checkpoint.path("\(UUID().uuidString).plan")
        try compiler.write(compiler.model.lower(), to: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try Data(contentsOf: URL(filePath: path))
    }

    @Test(arguments: ElementType.weightFormats)
    func `the number of threads changes no bit of a plan`(_ format: ElementType) throws {
        try checkpoint.write(to: "a", as: .f32)
        let serial = try compiled("a", format, workers: 1)
        for workers in [2, 3, 16] {
            #expect(try compiled("a", format, workers: workers) == serial, "\(workers) threads")
        }
        #expect(try compiled("a", format) == serial)
    }

    @Test(arguments: ElementType.weightFormats)
    func `shards and one file, f32 and bf16 with the same numbers, give the same plan`(_ format: ElementType) throws {
        try checkpoint.write(to: "file", as: .f32)
        let expected = try compiled("file", format)
        for (folder, type, shards) in [("two", StoredType.f32, 2), ("bf16", .bf16, 1), ("seven", .bf16, 7)] {
            try checkpoint.write(to: folder, as: type, shards: shards)
            #expect(try compiled(folder, format) == expected, "\(folder)")
        }
    }

    @Test func `every number of the checkpoint is where the plan's format says, and padding is zero`() throws {
        try checkpoint.write(to: "a", as: .bf16, shards: 3)
        for format in [ElementType.f32, .bf16] {
            let plan = try compiler("a", format).plan()
            for weight in plan.contents.schedule.weights {
                let expected = try #require(checkpoint.stored(weight))
                let isRight = try withExtendedLifetime(plan) {
                    try plan.unownedBytes(of: weight).elementsEqual(expected)
                }
                #expect(isRight, "\(weight.name)")
            }
        }
    }

    @Test func `progress only ever grows, and ends with all`() throws {
        try checkpoint.write(to: "a", as: .f32)
        let compiler = try compiler("a", .bf16, workers: 4)
        var reports: [(done: Int, total: Int)] = []
        try compiler.write(compiler.model.lower(), to: checkpoint.path("a.plan")) { reports.append(($0, $1)) }
        #expect(zip(reports, reports.dropFirst()).allSatisfy { $0.done < $1.done && $0.total == $1.total })
        let last = try #require(reports.last)
        #expect(last.done == last.total)
        // The embedding alone takes several pieces.
        #expect(reports.count > (try compiler.plan().contents.schedule.weights.count))
    }

    @Test(arguments: [1, 4])
    func `a compilation that is cancelled leaves nothing, or what was there before`(_ workers: Int) throws {
        struct Cancelled: Error {}
        try checkpoint.write(to: "a", as: .f32)
        let compiler = try compiler("a", .bf16, workers: workers)
        let lowered = try compiler.model.lower()
        let path = checkpoint.path("a.plan")
        let before = try checkpoint.contents
        for part in [0.0, 0.3, 0.9] {
            var calls = 0
            #expect(throws: Cancelled.self) {
                try compiler.write(lowered, to: path) { done, total in
                    if calls > 0 { Issue.record("work went on after it was cancelled") }
                    guard Double(done) > part * Double(total) else { return }
                    calls += 1
                    throw Cancelled()
                }
            }
            #expect(calls == 1)
            #expect(try checkpoint.contents == before)
        }
        try Data("old".utf8).write(to: URL(filePath: path))
        #expect(throws: Cancelled.self) { try compiler.write(lowered, to: path) { _, _ in throw Cancelled() } }
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("old".utf8))
    }

    @Test func `a tensor that is missing or of another shape ends the compilation with its name and leaves nothing`()
        throws
    {
        for (folder, change) in [("missing", nil), ("short", [8, 160])] as [(String, [Int]?)] {
            try checkpoint.write(
                to: folder, as: .f32, shards: 2, replacing: ["transformer.coda.0.mlp.fc.weight": change])
            let before = try checkpoint.contents
            for workers in [1, 4] {
                #expect {
                    _ = try compiled(folder, .bf16, workers: workers)
                } throws: { error in
                    "\(error)".contains("transformer.coda.0.mlp.fc.weight")
                }
            }
            #expect(try checkpoint.contents == before)
        }
    }
}
