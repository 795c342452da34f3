import Foundation
import Plans
import Testing

/// Plans whose checksums are correct and whose schedules refer to things that do not exist.
@Suite struct MalformedScheduleTests {
    struct Fault: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let apply: @Sendable (inout Schedule) -> Void

        init(_ description: String, _ apply: @escaping @Sendable (inout Schedule) -> Void) {
            testDescription = description
            self.apply = apply
        }
    }

    @Test(arguments: [
        Fault("an input that is no buffer") { $0.functions[0].instructions[0].inputs = [4] },
        Fault("a negative input") { $0.functions[0].instructions[0].inputs = [-1] },
        Fault("an output that is no buffer") { $0.functions[0].instructions[1].outputs = [Int.max] },
        Fault("a weight that is none") { $0.functions[0].instructions[1].weights[1] = 5 },
        Fault("a cache that is none") { $0.functions[0].instructions[1].cache = 1 },
        Fault("a loop without a length") { $0.functions[0].instructions[0].opcode = .repeat },
        Fault("a buffer past the arena's end") { $0.functions[0].buffers[2].storage = .arena(offsetPerRow: 257) },
        Fault("a quantized buffer past the arena's end") {
            $0.functions[0].buffers[3].storage = .arena(offsetPerRow: 129)
        },
        Fault("a buffer before the arena") { $0.functions[0].buffers[2].storage = .arena(offsetPerRow: -64) },
        Fault("a buffer so far out that sums overflow") {
            $0.functions[0].buffers[2].storage = .arena(offsetPerRow: Int.max)
        },
        Fault("a buffer without columns") { $0.functions[0].buffers[2].width = 0 },
        Fault("a buffer of more columns than 32 bits can count") { $0.functions[0].buffers[2].width = 1 << 32 },
        Fault("a parameter that is none") { $0.functions[0].buffers[0].storage = .parameter(1) },
        Fault("a result that is none") { $0.functions[0].buffers[1].storage = .result(-1) },
        Fault("a result without columns") { $0.functions[0].results[0].width = 0 },
        Fault("a negative arena") { $0.functions[0].arenaBytesPerRow = -64 },
        Fault("a cache without heads") { $0.caches[0].heads = 0 },
        Fault("a cache of negative columns") { $0.caches[0].dim = -4 },
        Fault("a cache of more columns than can be multiplied") { $0.caches[0].dim = Int.max },
        Fault("a cache wider than a row can be") { $0.caches[0].heads = 1 << 27 },
        Fault("a result's buffer that is wider than the result") { $0.functions[0].buffers[1].width = 6 },
        Fault("a parameter's buffer that is wider than the parameter") { $0.functions[0].buffers[0].width = 2 },
        Fault("a parameter's buffer of another type") { $0.functions[0].buffers[0].element = .f32 },
        Fault("a result that no buffer is for") {
            $0.functions[0].results.append(Port(name: "x", element: .f32, width: 1))
        },
        Fault("a result that callers cannot read") {
            $0.functions[0].results[0].element = .bf16
            $0.functions[0].buffers[1].element = .bf16
        },
        Fault("a parameter of more columns than a row can have") {
            $0.functions[0].parameters.append(Port(name: "x", element: .f32, width: Int.max))
        },
        Fault("two parameters of one name") {
            $0.functions[0].parameters.append(Port(name: "tokens", element: .i32, width: 1))
        },
        Fault("an arena that no memory holds") { $0.functions[0].arenaBytesPerRow = Int.max },
        Fault("an unplanned arena that no memory holds") { $0.functions[0].unplannedBytesPerRow = Int.max },
        Fault("a tape for a negative number of recurrences") { $0.functions[0].unrolled = -1 },
        Fault("a tape for more recurrences than there can be") { $0.functions[0].unrolled = Int.max },
    ])
    func `a schedule with a fault is refused as malformed`(_ fault: Fault) throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        var schedule = sample.contents.schedule
        try sample.forge(at: folder.path("sound"), schedule: schedule)
        #expect(DamagedPlanTests.refusal(folder.path("sound")) == nil)
        fault.apply(&schedule)
        try sample.forge(at: folder.path("faulty"), schedule: schedule)
        #expect(DamagedPlanTests.refusal(folder.path("faulty"))?.contains("malformed") == true)
    }

    @Test(arguments: [
        ("width", 0), ("width", -7), ("width", Int.max), ("vocabulary", 0), ("vocabulary", 1 << 40), ("context", 0),
        ("context", Int.max), ("maxRows", 0), ("maxRows", 65), ("maxRows", -1), ("recurrence", -1),
        ("recurrence", Int.max), ("innerRecurrence", 0), ("innerRecurrence", Int.max),
    ])
    func `settings out of their range are refused as malformed, by name`(_ name: String, _ value: Int) throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        let honest = String(decoding: try JSONEncoder().encode(sample.contents.settings), as: UTF8.self)
        let settings = honest.replacing(try Regex("\"\(name)\":[0-9]+"), with: "\"\(name)\":\(value)")
        #expect(settings != honest)
        try sample.forge(at: folder.path("a"), metadata: ["settings": settings])
        let refusal = try #require(DamagedPlanTests.refusal(folder.path("a")))
        #expect(refusal.contains("malformed") && refusal.contains("\(value)"), "\(refusal)")
    }

    @Test func `a document that is not text is refused by name`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try sample.forge(at: folder.path("a"), documentByte: 0xFF)
        let refusal = try #require(DamagedPlanTests.refusal(folder.path("a")))
        #expect(refusal.contains("document.") && refusal.contains("UTF-8"))
    }
}
