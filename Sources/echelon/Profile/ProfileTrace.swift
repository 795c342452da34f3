import Plans
import Reports
import Runtime

/// Writes a recording as a timeline: a track with the calls, and one track per thread with its instructions and waits.
struct ProfileTrace {
    private let recorder: ExecutionRecorder
    private let plan: Plan
    private let costs: InstructionCosts
    /// The text that the events of an instruction share, by tape and instruction.
    private var labels: [Int: [Label]] = [:]

    private struct Label {
        var name: String
        var arguments: TimelineArguments
    }

    private static let callTrack = 0

    init(_ recorder: ExecutionRecorder, of plan: Plan, _ costs: InstructionCosts) {
        self.recorder = recorder
        self.plan = plan
        self.costs = costs
    }

    /// - Parameter name: The model's name, for the viewer.
    /// - Throws: ``Interrupted`` after Ctrl-C, without leaving a file.
    mutating func write(to path: String, named name: String) throws {
        let threads = recorder.calls.map(\.threads).max() ?? 0
        var tracks = [TimelineWriter.Track(number: Self.callTrack, name: "calls")]
        tracks += (0..<threads).map { .init(number: Self.track(ofThread: $0), name: "thread \($0)") }
        var writer = try TimelineWriter(
            path: path, process: "echelon: \(name)", tracks: tracks, start: recorder.calls.first?.start ?? 0)
        var progress = ProgressLine("writing the trace")
        defer { progress.clear() }
        for (number, call) in recorder.calls.enumerated() {
            try Interrupt.check()
            progress.show("call \(number + 1) of \(recorder.calls.count)")
            try write(call, number: number, to: &writer)
        }
        try writer.finish()
    }

    private static func track(ofThread thread: Int) -> Int { callTrack + 1 + thread }

    private mutating func write(_ call: ExecutionRecorder.Call, number: Int, to writer: inout TimelineWriter) throws {
        let function = plan.contents.schedule.functions[call.function]
        let label = function.label
        var arguments = TimelineArguments()
        arguments.add(.call, number)
        arguments.add(.function, label)
        arguments.add(.rows, call.rows)
        arguments.add(.context, call.context)
        arguments.add(.recurrences, call.recurrences)
        arguments.add(.instructions, recorder.events(of: call, thread: 0).count)
        try writer.event(
            name: jsonString("\(label), \(call.rows) row\(call.rows == 1 ? "" : "s")"), category: .call,
            track: Self.callTrack, from: call.start, to: call.end, arguments: arguments)

        let labels = labels(of: function, at: call.function)
        let costs = costs.costs(of: call)
        for thread in 0..<call.threads {
            for event in recorder.events(of: call, thread: thread) {
                try writeWait(before: event, thread: thread, to: &writer)
                try write(event, labels[event.instruction], costs[event.instruction], thread: thread, to: &writer)
            }
            try writeWaitAtEnd(of: call, thread: thread, to: &writer)
        }
    }

    private func write(
        _ event: ExecutionRecorder.Event, _ label: Label, _ cost: InstructionCosts.Cost, thread: Int,
        to writer: inout TimelineWriter
    ) throws {
        var arguments = label.arguments
        arguments.add(.iteration, event.iteration)
        arguments.add(.bytes, cost.bytes)
        let nanoseconds = Double(event.end - event.start)
        arguments.add(.gbS, Double(cost.bytes) / nanoseconds)
        arguments.add(.floorUs, cost.floorMs * 1e3)
        arguments.add(.floorShare, cost.floorMs * 1e6 / nanoseconds)
        try writer.event(
            name: label.name, category: .instruction, track: Self.track(ofThread: thread), from: event.start,
            to: event.end, arguments: arguments)
    }

    private func writeWait(before event: ExecutionRecorder.Event, thread: Int, to writer: inout TimelineWriter) throws {
        guard event.start > event.arrival else { return }
        var arguments = TimelineArguments()
        arguments.add(.before, event.instruction)
        try writer.event(
            name: "\"barrier\"", category: .barrier, track: Self.track(ofThread: thread), from: event.arrival,
            to: event.start, arguments: arguments)
    }

    private func writeWaitAtEnd(
        of call: ExecutionRecorder.Call, thread: Int, to writer: inout TimelineWriter
    ) throws {
        let wait = recorder.waitAtEnd(of: call, thread: thread)
        guard wait > 0 else { return }
        try writer.event(
            name: "\"end of call\"", category: .barrier, track: Self.track(ofThread: thread),
            from: call.tape.upperBound - wait, to: call.tape.upperBound, arguments: TimelineArguments())
    }

    private mutating func labels(of function: ScheduledFunction, at index: Int) -> [Label] {
        if let known = labels[index] { return known }
        let schedule = plan.contents.schedule
        let name = function.label
        let made = function.instructions.enumerated().map { number, instruction in
            var arguments = TimelineArguments()
            arguments.add(.index, number)
            arguments.add(.function, name)
            arguments.add(.opcode, instruction.opcode.name)
            let outputs = instruction.outputs.map { "%" + function.buffers[$0].name }
            if !outputs.isEmpty { arguments.add(.output, outputs.joined(separator: ", ")) }
            let weights = instruction.weights.map { schedule.weights[$0].name }
            if !weights.isEmpty { arguments.add(.weights, weights.joined(separator: ", ")) }
            if let cache = instruction.cache { arguments.add(.cache, schedule.caches[cache].name) }
            return Label(name: jsonString(instruction.opcode.name), arguments: arguments)
        }
        labels[index] = made
        return made
    }
}
