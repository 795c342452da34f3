import CExecutor
import Plans

/// A single tape over a plan's weights, to measure instructions outside of any model. Its parameters are random floats
/// and zero integers, and its results are discarded.
public final class SingleTape {
    /// The number of threads that the tape runs on.
    public let threads: Int
    private let program: Program
    private let session: OpaquePointer
    private let maxRows: Int
    private var parameters: [UnsafeMutableRawBufferPointer] = []
    private var results: [UnsafeMutableRawBufferPointer] = []

    /// - Parameters:
    ///   - function: any tape over the plan's weights that reads no cache.
    ///   - maxRows: the maximum number of rows in a run.
    /// - Throws: ``RuntimeError`` if the tape is malformed.
    public init(_ function: ScheduledFunction, of plan: Plan, maxRows: Int, threads: Int) throws {
        self.threads = threads
        self.maxRows = maxRows
        program = try Program(function, of: plan, isa: InstructionSet.chosen())
        let caches = try plan.contents.schedule.caches.map(ech_cache.init)
        session = try reportingErrors {
            ech_session_create(caches, Int32(caches.count), 1, 1, 1, CacheFormat.f32.code, $0)
        }
        for port in function.parameters {
            let memory = Self.allocate(port, rows: maxRows)
            if port.element == .f32 {
                var generator = SystemRandomNumberGenerator()
                for index in memory.bindMemory(to: Float.self).indices {
                    memory.storeBytes(
                        of: .random(in: -1...1, using: &generator), toByteOffset: index * 4, as: Float.self)
                }
            }
            parameters.append(memory)
        }
        for port in function.results { results.append(Self.allocate(port, rows: maxRows)) }
    }

    deinit {
        ech_session_destroy(session)
        for memory in parameters + results { memory.deallocate() }
    }

    /// Allocates a parameter or result, whose elements all have 4 bytes.
    private static func allocate(_ port: Port, rows: Int) -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, rows * port.width * 4), alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        return memory
    }

    /// Runs the tape.
    /// - Parameter recurrences: the number of iterations of its loop.
    /// - Returns: the duration of the run.
    /// - Throws: ``RuntimeError`` if there is no room for the rows.
    public func run(rows: Int, recurrences: Int) throws -> Duration {
        guard (1...maxRows).contains(rows) else {
            throw RuntimeError("A run of \(rows) rows was asked for, and there is room for 1 to \(maxRows).")
        }
        let inputs = parameters.map { UnsafeRawPointer($0.baseAddress) }
        let outputs = results.map(\.baseAddress)
        return try inputs.withUnsafeBufferPointer { inputs in
            try outputs.withUnsafeBufferPointer { outputs in
                var call = ech_call(
                    rows: Int32(clamping: rows), recurrences: Int32(clamping: recurrences),
                    parameters: inputs.baseAddress, results: outputs.baseAddress, tracks: nil,
                    track_count: 0)
                let start = ContinuousClock.now
                let _: Bool = try reportingErrors { message in
                    ech_run(program.handle, session, &call, Int32(clamping: threads), message) ? true : nil
                }
                return ContinuousClock.now - start
            }
        }
    }
}
