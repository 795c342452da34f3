import IR
import Plans

/// The instructions of a tape in the order in which they run, with a given number of iterations of loops.
struct TapeTrace {
    struct Step {
        /// The index of the instruction on the tape.
        var index: Int
        var instruction: Instruction
        /// The number of finished iterations of the loop around it; 0 outside.
        var iteration: Int
    }

    let function: ScheduledFunction
    let steps: [Step]

    init(_ function: ScheduledFunction, recurrences: Int) {
        self.function = function
        var steps: [Step] = []
        var index = 0
        while index < function.instructions.count {
            let instruction = function.instructions[index]
            steps.append(Step(index: index, instruction: instruction, iteration: 0))
            index += 1
            guard instruction.opcode == .repeat else { continue }
            let body = index..<index + instruction.integers[0]
            for iteration in 0..<recurrences {
                steps += body.map { Step(index: $0, instruction: function.instructions[$0], iteration: iteration) }
            }
            index = body.upperBound
        }
        self.steps = steps
    }

    /// The memory of a buffer in a call of one row: a range of the arena, or that of a result or parameter.
    func overlaps(_ first: Int, _ second: Int) -> Bool {
        if first == second { return true }
        guard case .arena(let a) = function.buffers[first].storage,
            case .arena(let b) = function.buffers[second].storage
        else { return function.buffers[first].storage == function.buffers[second].storage }
        return a < b + bytes(second) && b < a + bytes(first)
    }

    private func bytes(_ buffer: Int) -> Int {
        function.buffers[buffer].bytesPerRow
    }

    // MARK: Memory

    /// The faults of memory planning: steps that overwrite a value which a later step, or the caller, reads.
    func clobbered() -> [String] {
        var problems: [String] = []
        /// The values that are read from here on, walking backwards, as buffer and reading step.
        var awaited: [Int: Int] = [:]
        for (number, buffer) in function.buffers.enumerated() {
            if case .result = buffer.storage { awaited[number] = steps.count }
        }
        for (time, step) in steps.enumerated().reversed() {
            let (inputs, outputs) = (step.instruction.inputs, step.instruction.outputs)
            for output in outputs {
                awaited[output] = nil
                for (other, reader) in awaited where overlaps(output, other) {
                    problems.append(
                        "step \(time) writes \(name(output)) over \(name(other)), which step \(reader) reads")
                }
                for other in inputs + outputs where other != output && overlaps(output, other) {
                    problems.append("step \(time) writes \(name(output)) over its own \(name(other))")
                }
            }
            for input in inputs { awaited[input] = time }
        }
        for (number, reader) in awaited {
            if case .parameter = function.buffers[number].storage { continue }
            problems.append("step \(reader) reads \(name(number)), which nothing has written")
        }
        return problems
    }

    private func name(_ buffer: Int) -> String { "%\(function.buffers[buffer].name)" }

    // MARK: Barriers

    /// The steps that may run at the same time in different threads although one writes memory that the other uses.
    func races() -> [String] {
        var problems: [String] = []
        var sinceBarrier: [Step] = []
        for step in steps {
            if step.instruction.barrier { sinceBarrier = [] }
            for earlier in sinceBarrier where conflicts(earlier.instruction, step.instruction) {
                problems.append(
                    "\(earlier.instruction.opcode.name) (\(earlier.index)) and \(step.instruction.opcode.name) (\(step.index))"
                )
            }
            sinceBarrier.append(step)
        }
        return problems
    }

    private func conflicts(_ first: Instruction, _ second: Instruction) -> Bool {
        let bothByRows = Self.dividesRows(first) && Self.dividesRows(second)
        func touches(_ writes: [Int], _ others: [Int]) -> Bool {
            writes.contains { write in
                others.contains { other in
                    // Each thread has the same rows of a buffer in both instructions.
                    overlaps(write, other) && !(bothByRows && write == other)
                }
            }
        }
        if touches(first.outputs, second.inputs + second.outputs) || touches(second.outputs, first.inputs) {
            return true
        }
        guard let cache = first.cache, cache == second.cache else { return false }
        return first.opcode != .operation(.wavefrontAttention) || second.opcode != .operation(.wavefrontAttention)
    }

    /// Whether the executor gives each thread the same rows in every such instruction. It divides products by outputs,
    /// and attention by heads as well.
    private static func dividesRows(_ instruction: Instruction) -> Bool {
        switch instruction.opcode {
        case .copy: true
        case .operation(let opcode): dividesRows(opcode)
        }
    }

    /// The list is written out here, because it checks the operations' records.
    private static func dividesRows(_ opcode: Opcode) -> Bool {
        switch opcode {
        case .linear, .projectRopeWrite, .linearSiluGate, .linearArgmax, .wavefrontAttention: false
        case .embed, .slice, .concat, .bias, .rope, .cacheWrite, .norm, .add, .silu, .sigmoid, .multiply, .mix, .start,
            .argmax, .relativeDifference, .convert, .repeat, .addNorm, .addNormNorm, .addKeepNorm, .normAdd,
            .normAddKeepNorm, .normRopeWrite:
            true
        }
    }
}
