import NumberFormats
import Plans

/// A benchmark of one shape of matrix. It multiplies some rows with each of the plan's matrices of that shape and
/// format in turn. So weights come from memory as they do in a step, where the other matrices push them out of the
/// caches. The rows are converted once for all matrices, which takes a small part of the time.
public struct MatrixBenchmark {
    /// The first of the matrices.
    public let weight: ScheduledWeight
    /// The number of matrices in a pass.
    public let count: Int
    /// The stored bytes of each matrix.
    public let bytes: Int

    private let tape: SingleTape

    /// The maximum number of bytes in a pass. It exceeds every cache, so a longer pass would give the same result.
    private static let bytesOfPass = 1 << 30

    /// The matrices that decode multiplies by, grouped by shape and format, as indexes of weights.
    public static func shapes(of plan: Plan) -> [[Int]] {
        let schedule = plan.contents.schedule
        var used: [Int] = []
        for function in schedule.functions
        where function.name == FunctionName(.decode).description && function.unrolled == nil {
            for instruction in function.instructions where instruction.opcode.operation?.traits.readsMatrix == true {
                guard let index = instruction.weights.first, !used.contains(index) else { continue }
                used.append(index)
            }
        }
        var shapes: [[Int]] = []
        for index in used {
            let weight = schedule.weights[index]
            let same = shapes.firstIndex { shape in
                let first = schedule.weights[shape[0]]
                return (first.rows, first.columns) == (weight.rows, weight.columns) && first.format == weight.format
            }
            if let same { shapes[same].append(index) } else { shapes.append([index]) }
        }
        return shapes
    }

    /// Prepares the measurement.
    /// - Parameter weights: the indexes of weights of one shape and format, such as an element of ``shapes(of:)``.
    /// - Throws: ``RuntimeError`` if the tape of the measurement cannot be made.
    public init(_ weights: [Int], of plan: Plan, maxRows: Int, threads: Int) throws {
        let schedule = plan.contents.schedule
        guard let first = weights.first.map({ schedule.weights[$0] }), let bytes = first.byteCount else {
            throw RuntimeError("There is no matrix to measure.")
        }
        let chosen = weights.prefix(max(1, Self.bytesOfPass / max(1, bytes)))
        weight = first
        count = chosen.count
        self.bytes = bytes
        tape = try SingleTape(
            Self.function(Array(chosen), like: first, input: first.layout.input), of: plan, maxRows: maxRows,
            threads: threads)
    }

    /// The tape of the measurement: convert; repeat { linear by each weight }.
    private static func function(_ weights: [Int], like weight: ScheduledWeight, input element: ElementType)
        -> ScheduledFunction
    {
        let isConverted = element != .f32
        var function = ScheduledFunction(
            name: "matrix", unrolled: nil,
            parameters: [Port(name: "x", element: .f32, width: weight.columns)],
            results: [Port(name: "y", element: .f32, width: weight.rows)],
            buffers: [
                ScheduledBuffer(name: "x", element: .f32, width: weight.columns, storage: .parameter(0)),
                ScheduledBuffer(name: "y", element: .f32, width: weight.rows, storage: .result(0)),
            ],
            instructions: [], arenaBytesPerRow: 0, unplannedBytesPerRow: 0)
        if isConverted {
            let converted = ScheduledBuffer(
                name: "converted", element: element, width: weight.columns, storage: .arena(offsetPerRow: 0))
            function.buffers.append(converted)
            function.arenaBytesPerRow = converted.bytesPerRow
            function.unplannedBytesPerRow = function.arenaBytesPerRow
            function.instructions.append(Instruction(opcode: .operation(.convert), inputs: [0], outputs: [2]))
        }
        function.instructions.append(Instruction(opcode: .repeat, integers: [weights.count]))
        for index in weights {
            function.instructions.append(
                Instruction(
                    opcode: .operation(.linear), inputs: [isConverted ? 2 : 0], outputs: [1], weights: [index],
                    barrier: true))
        }
        return function
    }

    /// The time of one product of `rows` rows, averaged over a pass.
    /// - Parameter passes: the number of passes in one timing.
    public func time(rows: Int, passes: Int = 1) throws -> Duration {
        try tape.run(rows: rows, recurrences: passes) / (passes * count)
    }
}
