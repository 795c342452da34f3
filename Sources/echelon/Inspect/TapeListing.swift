import Plans

/// The tape and the memory of a compiled function as text.
struct TapeListing {
    private let function: ScheduledFunction
    private let schedule: Schedule

    init(_ function: ScheduledFunction, _ schedule: Schedule) {
        self.function = function
        self.schedule = schedule
    }

    /// One line per instruction, with a rule at each barrier.
    var instructions: String {
        var lines = ["tape: \(function.instructions.count) instructions"]
        for (number, instruction) in function.instructions.enumerated() {
            if instruction.barrier { lines.append("        ------ barrier") }
            let outputs = instruction.outputs.map { place($0) }.joined(separator: ", ")
            var operands = instruction.inputs.map { place($0) }
            operands += instruction.weights.map { "@" + schedule.weights[$0].name }
            if let cache = instruction.cache {
                let recurrence =
                    instruction.recurrence == Instruction.induction ? "recurrence" : "\(instruction.recurrence)"
                operands.append("@\(schedule.caches[cache].name)[\(recurrence)]")
            }
            if instruction.opcode == .repeat { operands.append("the next \(instruction.integers[0]) instructions") }
            let text = [instruction.opcode.name, operands.joined(separator: ", ")].joined(separator: " ")
            lines.append(padded("\(number)", 6) + "  " + (outputs.isEmpty ? text : "\(outputs) = \(text)"))
        }
        return lines.joined(separator: "\n")
    }

    /// One line per buffer of the arena.
    var memory: String {
        var lines = [
            "arena: \(function.arenaBytesPerRow) bytes a row; \(function.unplannedBytesPerRow) if no memory were shared"
        ]
        for buffer in function.buffers {
            guard case .arena(let offset) = buffer.storage else { continue }
            let size = buffer.bytesPerRow
            lines.append(
                padded("\(offset)", 8) + "  " + padded("\(size)", 8)
                    + "  %\(buffer.name): \(buffer.element.rawValue)[rows,\(buffer.width)]")
        }
        return lines.joined(separator: "\n")
    }

    private func place(_ number: Int) -> String {
        let buffer = function.buffers[number]
        return switch buffer.storage {
        case .arena(let offset): "%\(buffer.name)[\(offset)]"
        case .parameter: "%\(buffer.name)"
        case .result(let index): "%\(buffer.name)<result \(index)>"
        }
    }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
