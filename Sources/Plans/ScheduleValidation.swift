extension Schedule {
    /// Checks that every number in the schedule names something that is there and that sizes are sizes, so that readers may
    /// follow it blindly. What each instruction needs of its operands the executor checks.
    /// - Throws: ``PlanError`` for the first fault.
    func validate() throws {
        for weight in weights where weight.rows < 1 || weight.columns < 1 {
            throw PlanError("the weight \(weight.name) has the size \(weight.rows) × \(weight.columns).")
        }
        for weight in weights where weight.format == .int8 && weight.columns > PackedInt8.mostColumns {
            throw PlanError(
                "the int8 weight \(weight.name) has \(weight.columns) columns, more than the \(PackedInt8.mostColumns) "
                    + "that can be summed.")
        }
        for cache in caches where cache.heads < 1 || cache.dim < 1 {
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
        for port in function.parameters + function.results where port.width < 1 {
            throw PlanError("\(port.name) has the width \(port.width).")
        }
        guard function.arenaBytesPerRow >= 0, function.unplannedBytesPerRow >= 0 else {
            throw PlanError("the arena has a negative size.")
        }
        for buffer in function.buffers {
            // Widths beyond 32 bits would overflow what is computed from them.
            guard buffer.width >= 1, buffer.width <= Int(Int32.max) else {
                throw PlanError("the buffer \(buffer.name) has the width \(buffer.width).")
            }
            let isPlaced =
                switch buffer.storage {
                case .arena(let offset):
                    offset >= 0
                        && offset <= function.arenaBytesPerRow - buffer.element.bytesPerRow(width: buffer.width)
                case .parameter(let index): function.parameters.indices.contains(index)
                case .result(let index): function.results.indices.contains(index)
                }
            guard isPlaced else { throw PlanError("the buffer \(buffer.name) lies outside of the memory there is.") }
        }
        for (number, instruction) in function.instructions.enumerated() {
            let operands = instruction.inputs + instruction.outputs
            guard operands.allSatisfy(function.buffers.indices.contains),
                instruction.weights.allSatisfy(weights.indices.contains),
                instruction.cache.map(caches.indices.contains) ?? true,
                instruction.opcode != "repeat" || isBody(instruction.integers, after: number, of: function)
            else { throw PlanError("the instruction \(number), \(instruction.opcode), names something that is not there.") }
        }
    }

    /// Whether a `repeat` has one length, and so many instructions follow it.
    private func isBody(_ integers: [Int], after number: Int, of function: ScheduledFunction) -> Bool {
        guard integers.count == 1 else { return false }
        return (0..<function.instructions.count - number).contains(integers[0])
    }
}
