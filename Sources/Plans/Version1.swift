import IR
import NumberFormats

/// The schedule of a plan of version 1. Its tapes lack the depths of rows, which the instructions that use caches read
/// since version 2.
extension Schedule {
    /// The same schedule with a last parameter `depth` in every function that uses a cache. Calls in which all rows have
    /// depth 0 compute what they computed before.
    func upgradedFromVersion1() -> Schedule {
        var schedule = self
        for index in schedule.functions.indices { schedule.functions[index].addDepths() }
        return schedule
    }
}

extension ScheduledFunction {
    fileprivate mutating func addDepths() {
        guard instructions.contains(where: \.usesCache) else { return }
        let depth = buffers.count
        buffers.append(
            ScheduledBuffer(name: "depth", element: .i32, width: 1, storage: .parameter(parameters.count)))
        parameters.append(Port(name: "depth", element: .i32, width: 1))
        for index in instructions.indices where instructions[index].usesCache {
            instructions[index].inputs.append(depth)
        }
    }
}

extension Instruction {
    fileprivate var usesCache: Bool { opcode.operation?.traits.cache != nil }
}
