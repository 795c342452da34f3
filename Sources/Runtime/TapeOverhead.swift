import Plans

/// The overhead of the tape in addition to the work of its instructions, measured with instructions that copy sixteen
/// floats of eight rows for each thread.
public struct TapeOverhead: Hashable, Sendable {
    /// The time from one instruction to the next in seconds, including the copy.
    public var instruction: Double
    /// The time that a barrier adds, in seconds.
    public var barrier: Double

    private static let instructions = 4096
    private static let width = 16

    /// Measures the overhead as medians of `repeats` runs.
    /// - Parameter plan: any plan. Its weights are not read.
    public init(measuredOn plan: Plan, threads: Int, repeats: Int) throws {
        // A single row would be left to a single thread.
        let rows = 8 * threads
        let free = try SingleTape(Self.function(barriers: false), of: plan, maxRows: rows, threads: threads)
        let bound = try SingleTape(Self.function(barriers: true), of: plan, maxRows: rows, threads: threads)
        var times: (free: [Double], bound: [Double]) = ([], [])
        // The first run allocates the arena and starts the threads, so it does not count.
        for run in 0...max(1, repeats) {
            let pair = (try free.run(rows: rows, recurrences: 0), try bound.run(rows: rows, recurrences: 0))
            guard run > 0 else { continue }
            times.free.append(pair.0 / .seconds(1))
            times.bound.append(pair.1 / .seconds(1))
        }
        let count = Double(Self.instructions)
        instruction = median(times.free) / count
        barrier = max(0, median(times.bound) / count - instruction)
    }

    private static func function(barriers: Bool) -> ScheduledFunction {
        ScheduledFunction(
            name: "overhead", unrolled: nil, parameters: [Port(name: "x", element: .f32, width: width)],
            results: [Port(name: "y", element: .f32, width: width)],
            buffers: [
                ScheduledBuffer(name: "x", element: .f32, width: width, storage: .parameter(0)),
                ScheduledBuffer(name: "y", element: .f32, width: width, storage: .result(0)),
            ],
            instructions: [Instruction](
                repeating: Instruction(opcode: .copy, inputs: [0], outputs: [1], barrier: barriers),
                count: instructions),
            arenaBytesPerRow: 0, unplannedBytesPerRow: 0)
    }
}
