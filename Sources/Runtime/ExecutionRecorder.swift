import CExecutor
import Plans

/// A recorder of what a model's threads did during some calls, event by event.
/// ``PlanModel/startRecording(eventsPerThread:)`` makes one.
///
/// All memory is allocated before the first call is recorded. Events for which there is no room are counted in
/// ``dropped``.
public final class ExecutionRecorder {
    /// Some work on an instruction by one thread. Times are in nanoseconds of a monotonic clock. The events of a thread
    /// in one call follow each other without gaps. A thread that did nothing of an instruction has no event of it.
    public struct Event: Hashable, Sendable {
        /// The index of the instruction on the tape.
        public var instruction: Int
        /// The number of finished iterations of the loop around it.
        public var iteration: Int
        /// The time at which the thread had nothing more to do.
        public var arrival: Int
        /// The time at which it began with the instruction.
        public var start: Int
        /// The time at which its work on the instruction ended.
        public var end: Int

        init(_ event: ech_event) {
            instruction = Int(event.instruction)
            iteration = Int(event.iteration)
            arrival = Int(event.arrival)
            start = Int(event.start)
            end = Int(event.end)
        }
    }

    /// A call of a function.
    public struct Call: Sendable {
        /// The index of the function in the plan's schedule.
        public var function: Int
        /// The number of rows.
        public var rows: Int
        /// The number of recurrences.
        public var recurrences: Int
        /// The lowest position of a row. For consecutive rows of one sequence, it is the number of positions before
        /// them.
        public var context: Int
        /// The time of the caller's request, before threads start, on the clock of the events.
        public var start: Int
        /// The time of the result, after threads end. If events were dropped, it is the end of the last recorded one.
        public var end: Int
        /// The time that the threads had for the tape, from the first one's begin to the last one's end.
        public var tape: Range<Int>
        /// Whether there was room for all events of the call.
        public var isComplete: Bool
        /// The ranges of the events of each thread.
        var events: [Range<Int>]

        /// The number of threads that ran the call.
        public var threads: Int { events.count }
    }

    /// The events of one thread in one call.
    public struct Events: RandomAccessCollection {
        // The collection keeps the recorder alive, which owns the memory.
        private let recorder: ExecutionRecorder
        private let thread: Int
        public let startIndex: Int
        public let endIndex: Int

        fileprivate init(_ recorder: ExecutionRecorder, thread: Int, _ range: Range<Int>) {
            self.recorder = recorder
            self.thread = thread
            startIndex = range.lowerBound
            endIndex = range.upperBound
        }

        public subscript(index: Int) -> Event {
            precondition(index >= startIndex && index < endIndex)
            return Event(recorder.memory[thread * recorder.eventsPerThread + index])
        }
    }

    /// The maximum number of events of each thread.
    public let eventsPerThread: Int
    /// The calls with events, in order.
    public private(set) var calls: [Call] = []
    /// The number of executions for which there was no room, over all threads.
    public var dropped: Int { tracks.reduce(0) { $0 + Int($1.dropped) } }

    private let memory: UnsafeMutableBufferPointer<ech_event>
    private let tracks: UnsafeMutableBufferPointer<ech_track>

    /// The maximum memory of a recorder. No viewer opens a larger trace.
    private static let maxBytes = 1 << 32

    init(threads: Int, eventsPerThread: Int) throws {
        let maxEvents = Self.maxBytes / (MemoryLayout<ech_event>.stride * threads)
        guard (1...maxEvents).contains(eventsPerThread) else {
            throw RuntimeError(
                "\(eventsPerThread) events of a thread cannot be recorded; with \(threads) threads there is room for 1 to "
                    + "\(maxEvents).")
        }
        self.eventsPerThread = eventsPerThread
        // The memory is written once here, so that the system does not map its pages while threads record.
        memory = .allocate(capacity: threads * eventsPerThread)
        memory.initialize(repeating: ech_event())
        tracks = .allocate(capacity: threads)
        tracks.initialize(repeating: ech_track())
        for thread in 0..<threads {
            tracks[thread].events = memory.baseAddress?.advanced(by: thread * eventsPerThread)
            tracks[thread].capacity = Int64(eventsPerThread)
        }
    }

    deinit {
        tracks.deallocate()
        memory.deallocate()
    }

    /// The events of a thread in a call.
    /// - Precondition: `call` is one of ``calls`` and had that thread.
    public func events(of call: Call, thread: Int) -> Events { Events(self, thread: thread, call.events[thread]) }

    /// The number of times that each instruction of the tape was executed, whichever threads took part. The number is
    /// 0 for instructions without work.
    public func executions(of call: Call, instructions: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: instructions)
        for thread in 0..<call.threads {
            // Iterations follow each other without a gap.
            for event in events(of: call, thread: thread) {
                counts[event.instruction] = max(counts[event.instruction], event.iteration + 1)
            }
        }
        return counts
    }

    /// The time that a thread has nothing to do before the end of a call, in nanoseconds.
    public func waitAtEnd(of call: Call, thread: Int) -> Int {
        call.tape.upperBound - (events(of: call, thread: thread).last?.end ?? call.tape.lowerBound)
    }

    /// Runs `run`, which records a call on the tracks that it is given.
    func record(
        function: Int, rows: Int, recurrences: Int, context: Int,
        _ run: (_ tracks: UnsafeMutableBufferPointer<ech_track>) throws -> Void
    ) rethrows {
        let counts = tracks.map { Int($0.count) }
        let droppedBefore = dropped
        let start = Int(ech_nanoseconds())
        try run(tracks)
        let end = Int(ech_nanoseconds())
        // A track has no times if the call had no such thread.
        let events = zip(counts, tracks.prefix { $0.begin > 0 }).map { $0..<Int($1.count) }
        guard events.contains(where: { !$0.isEmpty }) else { return }
        var call = Call(
            function: function, rows: rows, recurrences: recurrences, context: context, start: start, end: end,
            tape: Int(tracks[0].begin)..<Int(tracks[0].end), isComplete: dropped == droppedBefore, events: events)
        if !call.isComplete {
            call.end = events.indices.compactMap { self.events(of: call, thread: $0).last?.end }.max() ?? end
            call.tape = call.tape.lowerBound..<call.end
        }
        calls.append(call)
    }
}
