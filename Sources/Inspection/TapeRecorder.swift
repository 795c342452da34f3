import IR
import Plans

/// A recorder that assigns an operation to each instruction of a tape. A tape contains the operations of the last stage
/// in their order, and between them copies of carried values and results.
struct TapeRecorder {
    private(set) var instructions: [InspectedInstruction] = []

    /// - Throws: ``InspectionError`` if the tape does not correspond to the stage.
    init(_ function: ScheduledFunction, _ stage: InspectedStage, _ operations: [InspectedOperation]) throws {
        var rest = stage.inOrder[...]
        /// The loop around an instruction, and the instruction after its end.
        var loop: (operation: Int, end: Int)?
        for (number, instruction) in function.instructions.enumerated() {
            if let end = loop?.end, number >= end { loop = nil }
            var operation: Int?
            if instruction.opcode == .copy {
                // The copies of a loop's initial values come before the loop. The copies of results come after all
                // operations.
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
    /// The buffers, with the instructions during which their values are needed.
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
            // A value that enters a loop from outside is read again in every iteration.
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
