import CExecutor
import Plans

/// A plan that runs: its compiled functions, and the caches of some sequences.
///
/// Not thread-safe: one call at a time. The executor uses its own threads inside a call.
public final class PlanModel: RecurrentModel {
    public let plan: Plan
    public let shape: ModelShape
    /// The format of keys and values in the caches.
    public let cacheFormat: CacheFormat
    /// B, the number of entries of a position in each core block's cache.
    public let cacheBudget: Int
    /// Threads that a call runs on.
    public let threads: Int
    /// The instruction set of the kernels: `portable`, `avx2`, `avx-vnni`, `avx512` or `amx`.
    public let instructionSet: String

    /// The time that the executor has run since the model was made. The rest of a program's time is its own.
    public private(set) var executorTime = Duration.zero

    private let isa: Int32
    private let session: OpaquePointer
    private var programs: [Int: Program] = [:]
    /// The number of positions of each slot that have been written, from 0 on without gaps.
    private var written: [Int]
    private var results: [ResultMemory] = []
    private var recorder: ExecutionRecorder?

    /// - Parameters:
    ///   - sequences: the number of slots.
    ///   - context: the length of the longest sequence to make room for, limited to the model's; nil for the model's.
    ///   - cacheBudget: B, the number of entries of a position in each core block's cache; 1 shares one over all
    ///     recurrences.
    ///   - cacheFormat: the format of keys and values.
    ///   - threads: the number of threads; nil for ``defaultThreads``.
    /// - Throws: ``PlanError`` when the plan has no weights; ``RuntimeError`` when the caches do not fit into memory.
    public init(
        _ plan: Plan, sequences: Int = 1, context: Int? = nil, cacheBudget: Int = 1, cacheFormat: CacheFormat = .f32,
        threads: Int? = nil
    ) throws {
        try plan.requireWeights()
        let settings = plan.contents.settings
        let context = min(context ?? settings.context, settings.context)
        self.plan = plan
        self.cacheFormat = cacheFormat
        self.cacheBudget = cacheBudget
        shape = ModelShape(
            width: settings.width, vocabulary: settings.vocabulary, context: context, cacheBudget: cacheBudget,
            maxRows: settings.maxRows, stateDeviation: settings.model.stateDeviation)
        isa = try InstructionSet.chosen()
        instructionSet = String(cString: ech_isa_name(isa))
        if let threads, !(1...1024).contains(threads) {
            throw RuntimeError("\(threads) threads were asked for; 1 to 1024 can be had.")
        }
        self.threads = threads ?? defaultThreads
        let caches = try plan.contents.schedule.caches.map(ech_cache.init)
        let (slots, positions, budget) = (try narrow(sequences), try narrow(context), try narrow(cacheBudget))
        session = try reportingErrors { message in
            ech_session_create(caches, Int32(caches.count), slots, positions, budget, cacheFormat.code, message)
        }
        written = [Int](repeating: 0, count: sequences)
    }

    deinit { ech_session_destroy(session) }

    /// Forgets a sequence, so that its slot can serve another.
    public func reset(slot: Int) { written[slot] = 0 }

    /// Records what the threads do in every call from now on, which slows a call by 20 to 80 ns per instruction.
    /// - Parameter eventsPerThread: the maximum number of events to record, at 32 bytes each for every thread.
    /// - Throws: ``RuntimeError`` if that is less than 1, or more than memory should hold.
    public func startRecording(eventsPerThread: Int) throws -> ExecutionRecorder {
        let recorder = try ExecutionRecorder(threads: threads, eventsPerThread: eventsPerThread)
        self.recorder = recorder
        return recorder
    }

    /// Ends the recording that ``startRecording(eventsPerThread:)`` began. The recorder keeps its events.
    public func stopRecording() { recorder = nil }

    /// Evaluates a call and measures where its time goes. A recording that is under way does not see the call.
    /// - Throws: as ``evaluate(_:)``.
    public func profile(_ call: RaggedCall) throws -> (result: ModelResult, profile: ExecutionProfile) {
        _ = try check(call)
        let function = try program(for: call).program.function
        let outer = recorder
        defer { recorder = outer }
        let executions = function.executions(recurrences: call.recurrences).reduce(0, +)
        // A thread may come to an instruction several times: with eight rows or more each time, or with half of what
        // another thread has left.
        let own = try startRecording(eventsPerThread: executions * (call.tokens.count / 8 + 16))
        let result = try evaluate(call)
        return (result, ExecutionProfile(own, of: plan))
    }

    /// Evaluates the rows of `call`, and writes their keys and values to the caches.
    /// - Throws: ``RuntimeError`` when the call does not fit the model (its rows, slots, positions, tokens or sizes) or
    ///   the plan is malformed. The model stays usable. ``CallStopped`` after a request; what the call's rows wrote is
    ///   then undefined.
    public func evaluate(_ call: RaggedCall) throws -> ModelResult {
        let rows = call.tokens.count
        let extents = try check(call)
        let (index, program) = try program(for: call)
        while results.count < program.function.results.count { results.append(ResultMemory()) }
        for (memory, port) in zip(results, program.function.results) { memory.reserve(rows * port.width) }
        if let recorder {
            let context = Int(call.positions.min() ?? 0)
            try recorder.record(function: index, rows: rows, recurrences: call.recurrences, context: context) {
                try run(program, call, tracks: $0)
            }
        } else {
            try run(program, call, tracks: nil)
        }
        for (slot, end) in extents { written[slot] = end }
        return collect(call, function: program.function, rows: rows)
    }

    private func run(_ program: Program, _ call: RaggedCall, tracks: UnsafeMutableBufferPointer<ech_track>?) throws {
        try withParameters(of: call, function: program.function) { parameters in
            let resultPointers: [UnsafeMutableRawPointer?] = results.map(\.start)
            let finished: Bool = try reportingErrors { message in
                var arguments = ech_call(
                    rows: Int32(call.tokens.count), recurrences: Int32(call.recurrences),
                    parameters: parameters.baseAddress, results: nil, tracks: tracks?.baseAddress,
                    track_count: Int32(tracks?.count ?? 0))
                return resultPointers.withUnsafeBufferPointer { pointers in
                    arguments.results = pointers.baseAddress
                    let start = ContinuousClock.now
                    defer { executorTime += ContinuousClock.now - start }
                    let succeeded = ech_run(program.handle, session, &arguments, Int32(threads), message)
                    return succeeded ? true : CallStop.isRequested ? false : nil
                }
            }
            if !finished { throw CallStopped() }
        }
    }

    // MARK: Before a call

    /// - Returns: the written extent of each slot that the call touches, see ``extents(after:)``.
    private func check(_ call: RaggedCall) throws -> [Int: Int] {
        let rows = call.tokens.count
        guard rows > 0 else { throw RuntimeError("A call needs at least one row.") }
        let maxRows = plan.contents.settings.maxRows
        guard rows <= maxRows else {
            throw RuntimeError(
                "A call of \(rows) rows exceeds the \(maxRows) rows that the plan was compiled for; "
                    + "compile with a larger --max-rows, or use a shorter prompt and a smaller --max-wavefront.")
        }
        guard (0...Int(Int32.max)).contains(call.recurrences) else {
            throw RuntimeError(
                "\(call.recurrences) recurrences were asked for; the number has to be from 0 to \(Int32.max).")
        }
        guard call.slots.count == rows, call.positions.count == rows, call.depths.count == rows,
            call.states.width == shape.width, call.states.rows == rows
        else {
            throw RuntimeError("The slots, positions, depths and states of a call have to be one for each of its rows.")
        }
        for (token, (slot, position)) in zip(call.tokens, zip(call.slots, call.positions)) {
            guard token >= 0, token < shape.vocabulary else {
                throw RuntimeError(
                    "Token \(token) is out of range: the model has tokens 0 to \(shape.vocabulary - 1).")
            }
            guard slot >= 0, slot < written.count else {
                throw RuntimeError("Slot \(slot) is out of range: there is room for \(written.count) sequences.")
            }
            guard position >= 0, position < shape.context else {
                throw RuntimeError(
                    "Position \(position) is out of range: a sequence has positions 0 to \(shape.context - 1).")
            }
        }
        return try extents(after: call)
    }

    /// The number of positions that are written after the call, for each slot that it touches.
    private func extents(after call: RaggedCall) throws -> [Int: Int] {
        var positions: [Int: [Int]] = [:]
        for (slot, position) in zip(call.slots, call.positions) {
            positions[Int(slot), default: []].append(Int(position))
        }
        return try Dictionary(
            uniqueKeysWithValues: positions.map { slot, positions in
                var end = written[slot]
                for position in positions.sorted() {
                    guard position <= end else {
                        throw RuntimeError(
                            "Position \(position) of sequence \(slot) cannot be computed before position \(end).")
                    }
                    end = max(end, position + 1)
                }
                return (slot, end)
            })
    }

    /// The unrolled tape when there is one for this number of recurrences, else the looping one.
    private func program(for call: RaggedCall) throws -> (index: Int, program: Program) {
        let name = FunctionName(call.function, call.head).description
        let functions = plan.contents.schedule.functions
        let unrolled = functions.firstIndex { $0.name == name && $0.unrolled == call.recurrences }
        guard let index = unrolled ?? functions.firstIndex(where: { $0.name == name && $0.unrolled == nil }) else {
            throw RuntimeError("The plan has no function \(name); compile the checkpoint again.")
        }
        if let program = programs[index] { return (index, program) }
        try checkResults(of: functions[index], for: call)
        let program = try Program(functions[index], of: plan, isa: isa)
        programs[index] = program
        return (index, program)
    }

    /// Hands over the call's arrays as the function's parameters, by name.
    private func withParameters(
        of call: RaggedCall, function: ScheduledFunction,
        _ body: (UnsafeBufferPointer<UnsafeRawPointer?>) throws -> Void
    ) throws {
        var integers = [
            "tokens": call.tokens, "slot": call.slots, "position": call.positions, "depth": call.depths,
        ]
        var floats = ["state": call.states.values]
        if let embeddings = call.embeddings { floats["embeddings"] = embeddings.values }
        if let step = call.step {
            floats["previous"] = step.embeddings.values
            floats["noise"] = step.noise.values
            floats["embedding_new"] = step.embeddingNew
            floats["embedding_old"] = step.embeddingOld
            floats["state_old"] = step.stateOld
            floats["state_noise"] = step.stateNoise
        }
        let rows = call.tokens.count
        for port in function.parameters {
            let count = port.element == .i32 ? integers[port.name]?.count : floats[port.name]?.count
            guard count == rows * port.width else {
                throw RuntimeError(
                    "The call has \(count ?? 0) elements of \(port.name), and \(rows) rows of \(port.width) are needed."
                )
            }
        }
        /// Nests one scope of valid pointers per parameter.
        func pass(_ index: Int, _ pointers: [UnsafeRawPointer?]) throws {
            guard index < function.parameters.count else { return try pointers.withUnsafeBufferPointer(body) }
            let port = function.parameters[index]
            if port.element == .i32 {
                try integers.removeValue(forKey: port.name)?.withUnsafeBytes {
                    try pass(index + 1, pointers + [$0.baseAddress])
                }
            } else {
                try floats.removeValue(forKey: port.name)?.withUnsafeBytes {
                    try pass(index + 1, pointers + [$0.baseAddress])
                }
            }
        }
        try pass(0, [])
    }

    // MARK: After a call

    /// A result of a function, by the name that it has there.
    private enum Result: String {
        case state, embeddings, difference, latents, logits, token
        case exitGate = "exit_gate"
    }

    /// The results that a call's function has at least.
    private func expectedResults(of call: RaggedCall) -> [Result] {
        let head: [Result] =
            switch call.head {
            case .token: [.token]
            case .logits: call.function == .prefill ? [.latents, .logits] : [.logits]
            case .state: []
            }
        let states: [Result] =
            switch call.function {
            case .prefill, .decode: [.state, .embeddings]
            case .step: [.state, .embeddings, .difference]
            case .resume: [.state]
            }
        return states + head
    }

    private func checkResults(of function: ScheduledFunction, for call: RaggedCall) throws {
        for result in expectedResults(of: call) {
            guard let port = function.results.first(where: { $0.name == result.rawValue }),
                port.width == width(of: result),
                port.element == (result == .token ? .i32 : .f32)
            else {
                throw RuntimeError(
                    "The plan's function \(function.name) does not return the \(result.rawValue) of a call as it should; "
                        + "compile the checkpoint again.")
            }
        }
    }

    private func width(of result: Result) -> Int {
        switch result {
        case .state, .embeddings, .latents: shape.width
        case .logits: shape.vocabulary
        case .difference, .token, .exitGate: 1
        }
    }

    private func collect(_ call: RaggedCall, function: ScheduledFunction, rows: Int) -> ModelResult {
        var collected = ModelResult(states: Latents(width: shape.width))
        for (port, memory) in zip(function.results, results) {
            func latents() -> Latents {
                Latents(width: port.width, values: memory.copy(as: Float.self, count: rows * port.width))
            }
            switch Result(rawValue: port.name) {
            case .state: collected.states = latents()
            case .embeddings: collected.embeddings = latents()
            case .difference: collected.differences = memory.copy(as: Float.self, count: rows)
            case .latents: collected.latents = latents()
            case .logits: collected.logits = latents()
            case .token: collected.tokens = memory.copy(as: Int32.self, count: rows)
            case .exitGate: collected.exitGates = memory.copy(as: Float.self, count: rows)
            // A result that only other callers know.
            case nil: break
            }
        }
        return collected
    }
}

/// Memory for one result of any function, which grows to the largest call and is used again.
private final class ResultMemory {
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    var start: UnsafeMutableRawPointer? { memory.baseAddress }

    /// Makes room for `count` elements of 4 bytes.
    func reserve(_ count: Int) {
        guard memory.count < count * 4 else { return }
        memory.deallocate()
        memory = .allocate(byteCount: count * 4, alignment: 64)
    }

    func copy<Element: BitwiseCopyable>(as type: Element.Type, count: Int) -> [Element] {
        Array(memory.bindMemory(to: type).prefix(count))
    }

    deinit { memory.deallocate() }
}
