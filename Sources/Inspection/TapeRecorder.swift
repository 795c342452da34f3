import IR
import Plans

/// Says of each instruction which operation it is. A tape has the last stage's operations in their order, and copies of
/// carried values and results between them.
struct TapeRecorder {
    private(set) var instructions: [InspectedInstruction] = []

    /// - Throws: ``InspectionError`` when the tape is not the stage's.
    init(_ function: ScheduledFunction, _ stage: InspectedStage, _ operations: [InspectedOperation]) throws {
        var rest = stage.inOrder[...]
        /// The loop around an instruction, and where it ends.
        var loop: (operation: Int, end: Int)?
        for (number, instruction) in function.instructions.enumerated() {
            if let end = loop?.end, number >= end { loop = nil }
            var operation: Int?
            if instruction.opcode == .copy {
                // Before a loop stand the copies of what it starts with; after all operations, those of results.
                operation = loop?.operation ?? rest.first { operations[$0].opcode == Opcode.repeat.rawValue }
            } else {
                guard let next = rest.popFirst(), operations[next].opcode == instruction.opcode.name else {
                    throw Self.mismatch(function, number)
                }
                operation = next
            }
            var length: Int?
            if instruction.opcode == .repeat, let operation {
                length = instruction.integers.first
                loop = (operation, number + 1 + (length ?? 0))
            }
            instructions.append(
                InspectedInstruction(
                    opcode: instruction.opcode.name, barrier: instruction.barrier, operation: operation,
                    inputs: instruction.inputs, outputs: instruction.outputs, length: length))
        }
        guard rest.isEmpty else { throw Self.mismatch(function, function.instructions.count) }
    }

    private static func mismatch(_ function: ScheduledFunction, _ number: Int) -> InspectionError {
        InspectionError(
            "Instruction \(number) of \(function.label) is not what the plan's passes give. It was compiled by another "
                + "version of echelon: compile it again.")
    }
}

extension ScheduledFunction {
    /// Every buffer, with the time during which it is alive.
    var inspectedMemory: [InspectedBuffer] {
        var lives = [ClosedRange<Int>?](repeating: nil, count: buffers.count)
        var loops: [Range<Int>] = []
        for (number, instruction) in instructions.enumerated() {
            for buffer in instruction.inputs + instruction.outputs {
                lives[buffer] = (lives[buffer]?.lowerBound ?? number)...number
            }
            if instruction.opcode == .repeat, let length = instruction.integers.first {
                loops.append(number + 1..<number + 1 + length)
            }
        }
        return zip(buffers, lives).map { buffer, life in
            var last = life?.upperBound
            // What enters a loop from outside is read again in the next iteration.
            for loop in loops {
                if let life, let end = last, life.lowerBound < loop.lowerBound, end >= loop.lowerBound {
                    last = max(end, loop.upperBound - 1)
                }
            }
            var place = InspectedBuffer.Place.arena
            var offset: Int?
            switch buffer.storage {
            case .arena(let start): offset = start
            case .parameter: place = .parameter
            case .result: place = .result
            }
            return InspectedBuffer(
                name: buffer.name, type: "\(buffer.element.rawValue)[rows,\(buffer.width)]", place: place,
                offset: offset, bytes: buffer.bytesPerRow, first: life?.lowerBound,
                last: last)
        }
    }
}
