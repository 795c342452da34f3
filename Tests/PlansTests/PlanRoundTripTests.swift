import Foundation
import Plans
import Safetensors
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
        #expect(try Data(contentsOf: folder.url.appending(path: "a")) == Data(contentsOf: folder.url.appending(path: "b")))
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
        #expect(Plan.isPlan(path: folder.path("a")))
    }

    @Test func `floats of instructions keep every bit`() throws {
        var sample = SamplePlan()
        var random = SeededGenerator(seed: 1)
        let floats = [0, 1e-6, 0.1, 50000, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -1 / 3]
            + (0..<200).map { _ in Float(bitPattern: UInt32.random(in: 0...0x7F7F_FFFF, using: &random)) }
        sample.contents.schedule.functions[0].instructions = floats.map { Instruction(opcode: "norm", float: $0) }
        let folder = try TemporaryFolder()
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        let read = try Plan(path: folder.path("a")).contents.schedule.functions[0].instructions
        #expect(read.map(\.float.bitPattern) == floats.map(\.bitPattern))
    }

    @Test func `a plan may have no weights and no functions`() throws {
        var sample = SamplePlan()
        sample.contents.schedule = Schedule(weights: [], caches: [], functions: [])
        let folder = try TemporaryFolder()
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        #expect(try Plan(path: folder.path("a")).contents == sample.contents)
    }
}
