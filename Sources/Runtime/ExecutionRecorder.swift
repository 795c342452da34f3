import CExecutor
import Plans

/// What a model's threads did during some calls, event by event; ``PlanModel/startRecording(eventsPerThread:)`` makes one.
///
/// All memory is there before the first call is recorded. What finds no room in it is counted, in ``dropped``.
public final class ExecutionRecorder {
    /// One execution of an instruction by one thread. Times are nanoseconds of a clock that only runs forward. The events
    /// of a thread in one call follow one another without gaps.
    public struct Event: Hashable, Sendable {
        /// Its number in the tape.
        public var instruction: Int
        /// Finished iterations of the loop around it.
        public var iteration: Int
        /// When the thread came to the instruction, or to the barrier before it.
        public var arrival: Int
        /// When the wait was over; the arrival where there is no barrier.
        public var start: Int
        public var end: Int

        init(_ event: ech_event) {
            instruction = Int(event.instruction)
            iteration = Int(event.iteration)
            arrival = Int(event.arrival)
            start = Int(event.start)
            end = Int(event.end)
        }
    }

    /// One call of a function.
    public struct Call: Sendable {
        /// The tape that ran, by its place in the plan's schedule.
        public var function: Int
        public var rows: Int
        public var recurrences: Int
        /// The lowest position of a row: with consecutive rows of one sequence, the positions before them.
        public var context: Int
        /// From the caller's request to its result, threads' start and end included, on the clock of the events. The end
        /// of what was recorded, where that is not all.
        public var start: Int
        public var end: Int
        /// Whether all of its events found room.
        public var isComplete: Bool
        /// Where the events of each thread stand, for those threads that the system gave the call.
        var events: [Range<Int>]

        /// How many threads ran the call.
        public var threads: Int { events.count }
    }

    /// The events of one thread in one call.
    public struct Events: RandomAccessCollection {
        // Keeps the memory alive.
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

    /// Events that there is room for, of each thread.
    public let eventsPerThread: Int
    /// The calls with events, in order.
    public private(set) var calls: [Call] = []
    /// Executions of instructions that found no room, of all threads together.
    public var dropped: Int { tracks.reduce(0) { $0 + Int($1.dropped) } }

    private let memory: UnsafeMutableBufferPointer<ech_event>
    private let tracks: UnsafeMutableBufferPointer<ech_track>

    /// So much memory no trace needs, and no viewer would open it.
    private static let maxBytes = 1 << 32

    init(threads: Int, eventsPerThread: Int) throws {
        let maxEvents = Self.maxBytes / (MemoryLayout<ech_event>.stride * threads)
        guard (1...maxEvents).contains(eventsPerThread) else {
            throw RuntimeError(
                "\(eventsPerThread) events of a thread cannot be recorded; with \(threads) threads there is room for 1 to "
                    + "\(maxEvents).")
        }
        self.eventsPerThread = eventsPerThread
        // Written once here, so that the system need not find memory while threads record.
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

    /// What a thread did in a call.
    /// - Precondition: `call` is one of ``calls`` and had that thread.
    public func events(of call: Call, thread: Int) -> Events { Events(self, thread: thread, call.events[thread]) }

    /// Has `run` record a call on the tracks it is given.
    func record(
        function: Int, rows: Int, recurrences: Int, context: Int,
        _ run: (_ tracks: UnsafeMutableBufferPointer<ech_track>) throws -> Void
    ) rethrows {
        let counts = tracks.map { Int($0.count) }
        let droppedBefore = dropped
        let start = Int(ech_nanoseconds())
        try run(tracks)
        let end = Int(ech_nanoseconds())
        // Threads that the system did not give have no times; those it gave are the first ones.
        let events = zip(counts, tracks.prefix { $0.begin > 0 }).map { $0..<Int($1.count) }
        guard events.contains(where: { !$0.isEmpty }) else { return }
        var call = Call(
            function: function, rows: rows, recurrences: recurrences, context: context, start: start, end: end,
            isComplete: dropped == droppedBefore, events: events)
        if !call.isComplete {
            call.end = events.indices.compactMap { self.events(of: call, thread: $0).last?.end }.max() ?? end
        }
        calls.append(call)
    }
}
