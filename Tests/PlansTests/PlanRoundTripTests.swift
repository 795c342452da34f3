import Foundation
import NumberFormats
import Plans
import Safetensors
import RandomGraphs
import Testing

@Suite struct PlanRoundTripTests {
    static func expectWeights(_ plan: Plan, of sample: SamplePlan) throws {
        for weight in sample.contents.schedule.weights {
            let (stored, address) = try withExtendedLifetime(plan) {
                let bytes = try plan.unownedBytes(of: weight)
                return (Array(bytes), UInt(bitPattern: bytes.baseAddress))
            }
            #expect(stored == sample.weights[weight.name])
            #expect(address % 64 == 0, "\(weight.name) is not aligned")
        }
    }

    @Test func `what is written is read, in the same bytes each time and however the weights come`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        try Plan.write(sample.contents, to: folder.path("b"), weights: sample.source(piece: 3))
        let plan = try Plan(path: folder.path("a"))
        #expect(plan.contents == sample.contents)
        try Self.expectWeights(plan, of: sample)
        #expect(
            try Data(contentsOf: folder.url.appending(path: "a")) == Data(contentsOf: folder.url.appending(path: "b")))
        #expect(try folder.contents == ["a", "b"])
    }

    @Test func `a plan in memory is the plan in the file`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        let plan = try Plan.inMemory(sample.contents, name: "a checkpoint", weights: sample.source())
        #expect(plan.contents == sample.contents)
        #expect(try plan.byteCount == Plan(path: folder.path("a")).byteCount)
        try Self.expectWeights(plan, of: sample)
    }

    @Test func `the file is a safetensors file whose tensors have the weights' shapes`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        let file = try SafetensorsFile(path: folder.path("a"))
        #expect(file["norm"]?.shape == [1, 7])
        #expect(file["norm"]?.type == .f32)
        #expect(file["matrix"]?.shape == [1, 1, 2, 16, 16, 2])
        #expect(file["matrix"]?.type == .bf16)
        #expect(file["eight"]?.shape == [64, 128 + 4])
        #expect(file["eight"]?.type == .i8)
        #expect(file["four"]?.shape == [2, 2, 1152])
        #expect(file["four"]?.type == .u8)
    }

    @Test func `floats of instructions keep every bit`() throws {
        var sample = SamplePlan()
        var random = RandomSource(seed: 1)
        let floats =
            [0, 1e-6, 0.1, 50000, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -1 / 3]
            + (0..<200).map { _ in Float(bitPattern: UInt32.random(in: 0...0x7F7F_FFFF, using: &random)) }
        sample.contents.schedule.functions[0].instructions = floats.map {
            Instruction(opcode: .operation(.norm), float: $0)
        }
        let folder = try TemporaryFolder()
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        let read = try Plan(path: folder.path("a")).contents.schedule.functions[0].instructions
        #expect(read.map(\.float.bitPattern) == floats.map(\.bitPattern))
    }

    @Test func `a model whose trained recurrence is not known keeps its other facts`() throws {
        var sample = SamplePlan()
        sample.contents.settings.model.trainedRecurrence = nil
        let folder = try TemporaryFolder()
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        #expect(try Plan(path: folder.path("a")).contents.settings == sample.contents.settings)
    }

    @Test(arguments: ["model", "passes", "weightRules"])
    func `settings that lack a part are refused`(_ key: String) throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        let settings = try JSONEncoder().encode(sample.contents.settings)
        var object = try #require(JSONSerialization.jsonObject(with: settings) as? [String: Any])
        #expect(object.removeValue(forKey: key) != nil)
        let text = String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
        try sample.forge(at: folder.path("a"), metadata: ["settings": text])
        #expect(throws: PlanError.self) { try Plan(path: folder.path("a")) }
    }

    @Test func `a model whose recurrences need their own cache entries gets one for each, if no budget is asked for`() {
        var facts = SamplePlan().contents.settings.model
        #expect([0, 1, 4].map { facts.cacheBudget(recurrence: $0) } == [1, 1, 4])
        facts.sharesCaches = true
        #expect([0, 1, 4].map { facts.cacheBudget(recurrence: $0) } == [1, 1, 1])
    }

    @Test func `sizes that overflow are no sizes, in every format`() {
        for format in ElementType.weightFormats {
            for (rows, columns) in [(Int.max, 1), (1, Int.max), (Int.max / 2, Int.max / 2), (-1, 4), (4, -1)] {
                let weight = ScheduledWeight(name: "w", format: format, rows: rows, columns: columns)
                #expect(weight.byteCount == nil, "\(format), \(rows) × \(columns)")
            }
            #expect(ScheduledWeight(name: "w", format: format, rows: 40, columns: 70).byteCount != nil)
        }
    }

    @Test func `weights and quantized rows take the bytes that their layouts say`() {
        func bytes(_ format: ElementType) -> Int? {
            ScheduledWeight(name: "w", format: format, rows: 33, columns: 65).byteCount
        }
        #expect(bytes(.int8) == 64 * 128 + 64 * 4)
        #expect(bytes(.int4) == 2 * 2 * (2 * 512 + 128))
        #expect(Q8Format.bytesPerRow(width: 64) == 192)
        #expect(Q8Format.bytesPerRow(width: 65) == 256)
        #expect(Q8Format.bytesPerRow(width: 5280) == 5312 + 64 + 664 + 40)
    }

    @Test func `a plan without its weights is all the rest, and says what it lacks to whoever would run it`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try Plan.write(sample.contents, to: folder.path("whole"), weights: sample.source())
        try Plan.writeWithoutWeights(sample.contents, to: folder.path("a"))
        let plan = try Plan(path: folder.path("a"), verifying: .whole)
        #expect(plan.contents == sample.contents && !plan.hasWeights)
        #expect(try plan.byteCount < Plan(path: folder.path("whole")).byteCount)
        #expect(try SafetensorsFile(path: folder.path("a")).metadata["weights"] == "none")

        let whole = try Plan(path: folder.path("whole"))
        #expect(whole.hasWeights)
        try whole.requireWeights()
        #expect(throws: PlanError.self) { try plan.requireWeights() }
        let error = #expect(throws: PlanError.self) { try plan.unownedBytes(of: sample.contents.schedule.weights[0]) }
        #expect(error?.description.contains("--no-weights") == true)
    }

    @Test func `a plan may have no weights and no functions`() throws {
        var sample = SamplePlan()
        sample.contents.schedule = Schedule(weights: [], caches: [], functions: [])
        let folder = try TemporaryFolder()
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        #expect(try Plan(path: folder.path("a")).contents == sample.contents)
    }
}
