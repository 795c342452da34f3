import Inspection
import Testing

@Suite struct MemoryTests {
    @Test func `buffers of the arena never overlap while both are alive, and fill it to its size`() throws {
        for model in [try InspectedModels.small, try InspectedModels.full] {
            for function in model.inspection.functions {
                struct Box {
                    var time: ClosedRange<Int>
                    var bytes: Range<Int>
                }
                let boxes = try function.memory.filter { $0.place == .arena }.map { buffer in
                    let (first, last) = (try #require(buffer.first), try #require(buffer.last))
                    let offset = try #require(buffer.offset)
                    return Box(time: first...last, bytes: offset..<offset + buffer.bytes)
                }
                for (index, box) in boxes.enumerated() {
                    let others = boxes[(index + 1)...].filter {
                        $0.time.overlaps(box.time) && $0.bytes.overlaps(box.bytes)
                    }
                    #expect(others.isEmpty, "\(function.label)")
                }
                #expect(boxes.map(\.bytes.upperBound).max() == function.arenaBytesPerRow)
                #expect(boxes.map(\.bytes.count).reduce(0, +) == function.unplannedBytesPerRow)
            }
        }
    }

    @Test func `every buffer that an instruction touches is alive then`() throws {
        for function in try InspectedModels.small.inspection.functions {
            for (number, instruction) in function.tape.enumerated() {
                for buffer in instruction.inputs + instruction.outputs {
                    let (first, last) = (function.memory[buffer].first, function.memory[buffer].last)
                    #expect(try #require(first) <= number && number <= #require(last))
                }
            }
        }
    }

    @Test func `what enters a loop stays alive until its end`() throws {
        let function = try InspectedModels.small.function("decode")
        let start = try #require(function.tape.firstIndex { $0.opcode == "repeat" })
        let end = start + (try #require(function.tape[start].length))
        let entering = function.memory.filter { buffer in
            guard let first = buffer.first, let last = buffer.last else { return false }
            return first <= start && last > start && buffer.place == .arena
        }
        #expect(!entering.isEmpty)
        for buffer in entering { #expect(try #require(buffer.last) >= end) }
    }
}
