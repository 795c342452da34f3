import IR
import NumberFormats
import Plans

/// Schedules a lowered module: plans memory by liveness, and makes one static tape of instructions for each function,
/// with barriers only where a dependence needs one.
///
/// - Parameter specializations: the functions that are copies for one number of recurrences, see
///   ``SpecializeRecurrences``.
/// - Throws: ``CompilerError`` for a function or weight that no plan can hold.
public func schedule(_ module: Module, specializations: [Specialization] = []) throws -> Schedule {
    let weights = try module.weights.map(ScheduledWeight.init)
    let caches = try module.caches.map(ScheduledCache.init)
    let weightNumbers = Dictionary(module.weights.enumerated().map { ($1.name, $0) }) { first, _ in first }
    let cacheNumbers = Dictionary(module.caches.enumerated().map { ($1.name, $0) }) { first, _ in first }
    let functions = try module.functions.map { function in
        let specialization = specializations.first { $0.name == function.name }
        var tape = try TapeBuilder(function, weights: weightNumbers, caches: cacheNumbers)
        return try tape.build(
            name: specialization?.function ?? function.name, unrolled: specialization?.recurrences)
    }
    return Schedule(weights: weights, caches: caches, functions: functions)
}

private struct TapeBuilder {
    let function: Function
    let code: LinearCode
    let plan: MemoryPlan
    let weights: [String: Int]
    let caches: [String: Int]
    private var buffers: [ScheduledBuffer] = []
    private var numbers: [String: Int] = [:]

    init(_ function: Function, weights: [String: Int], caches: [String: Int]) throws {
        self.function = function
        self.weights = weights
        self.caches = caches
        code = LinearCode(function)
        plan = try MemoryPlan(code, parameters: function.parameters)
    }

    mutating func build(name: String, unrolled: Int?) throws -> ScheduledFunction {
        try checkLoops(recurrences: unrolled)
        for (index, value) in function.parameters.enumerated() { try add(value, .parameter(index)) }
        for (index, value) in code.results.enumerated() { try add(value, .result(index)) }
        for placement in plan.placements { try add(placement.value, .arena(offsetPerRow: placement.offsetPerRow)) }

        var barriers = BarrierPlacement(buffers: buffers)
        let loopEdges = Set(code.loops.flatMap { [$0.lowerBound, $0.upperBound] })
        let instructions = try code.steps.enumerated().map { index, step in
            var instruction = try instruction(for: step)
            // The last steps of an iteration are followed by the first steps of the next one and by those after the
            // loop.
            instruction.barrier = loopEdges.contains(index)
            barriers.place(&instruction)
            return instruction
        }
        return ScheduledFunction(
            name: name, unrolled: unrolled, parameters: try ports(function.parameters),
            results: try ports(code.results, named: function.results.map(\.name)), buffers: buffers,
            instructions: instructions,
            arenaBytesPerRow: plan.bytesPerRow, unplannedBytesPerRow: plan.unplannedBytesPerRow)
    }

    /// Checks that every loop runs as often as the caller of the tape decides. In a copy that is only called for one
    /// number of recurrences, a loop with that count is the same, so it may remain.
    private func checkLoops(recurrences: Int?) throws {
        for case .number(let count)? in function.operations.map({ $0.body?.count }) where count != recurrences {
            throw CompilerError(
                "@\(function.name) has a loop of \(count) iterations, and tapes repeat as often as their caller says: run "
                    + "unroll-recurrences before scheduling.")
        }
    }

    private mutating func add(_ value: Value, _ storage: BufferStorage) throws {
        _ = try value.rowLayout
        numbers[value.name] = buffers.count
        buffers.append(
            ScheduledBuffer(
                name: value.name, element: value.type.element, width: value.type.width, storage: storage))
    }

    /// - Parameter names: those by which callers know the values; nil for their own.
    private func ports(_ values: [Value], named names: [String]? = nil) throws -> [Port] {
        try zip(values, names ?? values.map(\.name)).map { value, name in
            guard try value.rowLayout.isRowMajor else {
                throw CompilerError(
                    "%\(value.name) in @\(function.name) is \(value.type): what goes in or out has to be f32 or i32.")
            }
            return Port(name: name, element: value.type.element, width: value.type.width)
        }
    }

    private func number(_ value: Value) throws -> Int {
        guard let number = numbers[value.name] else {
            throw CompilerError("%\(value.name) in @\(function.name) has no place in memory: verify the module first.")
        }
        return number
    }

    private func instruction(for step: LinearCode.Step) throws -> Instruction {
        let inputs = try step.reads.map(number)
        let outputs = try step.writes.map(number)
        switch step.action {
        case .copy: return Instruction(opcode: .copy, inputs: inputs, outputs: outputs)
        case .loop(let length): return Instruction(opcode: .repeat, integers: [length])
        case .operation(let operation):
            var instruction = Instruction(opcode: .operation(operation.opcode), inputs: inputs, outputs: outputs)
            for symbol in operation.symbols {
                if let weight = weights[symbol] { instruction.weights.append(weight) }
                if let cache = caches[symbol] { instruction.cache = cache }
            }
            for (name, kind) in operation.opcode.traits.signature?.attributes ?? [] {
                switch kind {
                case .integer: instruction.integers.append(operation.integer(name) ?? 0)
                case .float: instruction.float = operation.float(name) ?? 0
                case .recurrence:
                    if case .number(let number)? = operation.recurrence(name) {
                        instruction.recurrence = number
                    } else {
                        instruction.recurrence = Instruction.induction
                    }
                }
            }
            return instruction
        }
    }
}

extension ScheduledWeight {
    /// The stored form of a weight. A matrix keeps its extents, and a vector becomes one row.
    init(_ weight: Weight) throws {
        var extents = weight.type.shape.compactMap { extent in if case .fixed(let n) = extent { n } else { nil } }
        if extents.count == 1 { extents.insert(1, at: 0) }
        let format = weight.type.element
        guard extents.count == 2, let layout = format.weights else {
            throw CompilerError("The weight @\(weight.name) is neither a matrix nor a vector of floats.")
        }
        guard extents[1] <= layout.maxColumns else {
            throw CompilerError(
                "The weight @\(weight.name) has \(extents[1]) columns; \(format) can sum \(layout.maxColumns). "
                    + "Give it another format.")
        }
        self.init(name: weight.name, format: format, rows: extents[0], columns: extents[1])
    }
}

extension ScheduledCache {
    init(_ cache: Cache) throws {
        guard case .fixed(let heads)? = cache.type.shape.first, case .fixed(let dim)? = cache.type.shape.last,
            cache.type.shape.count == 2
        else { throw CompilerError("The cache @\(cache.name) is not of the form f32[heads,dim].") }
        self.init(name: cache.name, heads: heads, dim: dim, isRecurrent: cache.isRecurrent)
    }
}
