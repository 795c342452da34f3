/// The limits of the sizes in a plan. A larger size is a sign of damage. The limits are far beyond any model, and products
/// of two of them do not overflow. A test compares those of a schedule with the executor's.
public enum PlanLimits {
    /// The maximum number of columns of a row, and of rows or columns of a weight.
    public static let width = 1 << 28
    /// The maximum number of bytes that a row takes in an arena.
    public static let arena = 1 << 36
    /// The maximum number of bytes that a row's buffers would take without sharing memory.
    static let unplanned = 1 << 48
    /// The maximum number of positions, of tokens, and of columns of a state.
    static let size = 1 << 24
    static let recurrences = 1 << 16
}

extension PlanSettings {
    /// Checks that every setting is in its range.
    /// - Throws: ``PlanError`` for the first setting that is not.
    func validate() throws {
        func check(_ value: Int, _ name: String, _ range: ClosedRange<Int>) throws {
            guard range.contains(value) else {
                throw PlanError(
                    "the \(name) is \(value), where \(range.lowerBound) to \(range.upperBound) is possible.")
            }
        }
        for format in [weights] + weightRules.map(\.format) where format.weights == nil {
            throw PlanError("the weights are \(format), which only rows can be.")
        }
        try check(width, "width", 1...PlanLimits.size)
        try check(vocabulary, "vocabulary", 1...PlanLimits.size)
        try check(context, "context", 1...PlanLimits.size)
        try check(maxRows, "number of rows of a call", 1...context)
        try check(recurrence, "recurrence", 0...PlanLimits.recurrences)
        try check(innerRecurrence, "inner recurrence", 1...PlanLimits.recurrences)
    }
}

extension Schedule {
    /// Checks that every number in the schedule refers to something that exists, that sizes are in their ranges, and
    /// that buffers in the caller's memory have the form of their ports. Readers may rely on this. The executor checks
    /// what each instruction requires of its operands.
    /// - Throws: ``PlanError`` for the first fault.
    func validate() throws {
        let extents = 1...PlanLimits.width
        for weight in weights where !extents.contains(weight.rows) || !extents.contains(weight.columns) {
            throw PlanError("the weight \(weight.name) has the size \(weight.rows) × \(weight.columns).")
        }
        for weight in weights {
            guard let layout = weight.format.weights, weight.columns > layout.maxColumns else { continue }
            throw PlanError(
                "the \(weight.format) weight \(weight.name) has \(weight.columns) columns, more than the "
                    + "\(layout.maxColumns) that can be summed.")
        }
        for cache in caches
        where !extents.contains(cache.heads) || !extents.contains(cache.dim)
            || cache.heads * cache.dim > PlanLimits.width
        {
            throw PlanError("the cache \(cache.name) has \(cache.heads) heads of \(cache.dim) columns.")
        }
        for function in functions {
            do {
                try validate(function)
            } catch let error as PlanError {
                throw PlanError("in the function \(function.name), \(error)")
            }
        }
    }

    private func validate(_ function: ScheduledFunction) throws {
        for port in function.parameters + function.results {
            guard (1...PlanLimits.width).contains(port.width) else {
                throw PlanError("\(port.name) has the width \(port.width).")
            }
            guard port.element.rows?.isRowMajor == true else {
                throw PlanError("\(port.name) is \(port.element), which callers do not read or write.")
            }
        }
        // Callers pass parameters by name.
        var names: Set<String> = []
        if let twice = function.parameters.first(where: { !names.insert($0.name).inserted }) {
            throw PlanError("two parameters are called \(twice.name).")
        }
        guard (0...PlanLimits.arena).contains(function.arenaBytesPerRow),
            (0...PlanLimits.unplanned).contains(function.unplannedBytesPerRow)
        else { throw PlanError("the arena has an impossible size.") }
        if let unrolled = function.unrolled, !(0...PlanLimits.recurrences).contains(unrolled) {
            throw PlanError("the tape is for \(unrolled) recurrences.")
        }
        for buffer in function.buffers { try validate(buffer, of: function) }
        for (index, result) in function.results.enumerated() {
            guard function.buffers.contains(where: { $0.storage == .result(index) }) else {
                throw PlanError("no buffer is the result \(result.name).")
            }
        }
        for (number, instruction) in function.instructions.enumerated() {
            let operands = instruction.inputs + instruction.outputs
            guard operands.allSatisfy(function.buffers.indices.contains),
                instruction.weights.allSatisfy(weights.indices.contains),
                instruction.cache.map(caches.indices.contains) ?? true,
                instruction.opcode != .repeat || isBody(instruction.integers, after: number, of: function)
            else {
                throw PlanError(
                    "the instruction \(number), \(instruction.opcode.name), names something that is not there.")
            }
        }
    }

    private func validate(_ buffer: ScheduledBuffer, of function: ScheduledFunction) throws {
        guard (1...PlanLimits.width).contains(buffer.width) else {
            throw PlanError("the buffer \(buffer.name) has the width \(buffer.width).")
        }
        guard buffer.element.rows != nil else {
            throw PlanError("the buffer \(buffer.name) is \(buffer.element), which only weights can be.")
        }
        let port: Port
        switch buffer.storage {
        case .arena(let offset):
            let end = function.arenaBytesPerRow - buffer.bytesPerRow
            guard offset >= 0, offset <= end else { throw isNowhere(buffer) }
            return
        case .parameter(let index):
            guard function.parameters.indices.contains(index) else { throw isNowhere(buffer) }
            port = function.parameters[index]
        case .result(let index):
            guard function.results.indices.contains(index) else { throw isNowhere(buffer) }
            port = function.results[index]
        }
        // The caller's memory has the size of the port, but the executor uses that of the buffer.
        guard buffer.element == port.element, buffer.width == port.width else {
            throw PlanError(
                "the buffer \(buffer.name) is of another type or width than \(port.name), which it stands for.")
        }
    }

    private func isNowhere(_ buffer: ScheduledBuffer) -> PlanError {
        PlanError("the buffer \(buffer.name) lies outside of the memory there is.")
    }

    /// Whether a `repeat` has exactly one length, and at least that number of instructions follows it.
    private func isBody(_ integers: [Int], after number: Int, of function: ScheduledFunction) -> Bool {
        guard integers.count == 1 else { return false }
        return (0..<function.instructions.count - number).contains(integers[0])
    }
}
