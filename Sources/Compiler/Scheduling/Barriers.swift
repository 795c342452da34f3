import IR
import Plans

/// A placement of the barriers at which threads meet. Between two barriers, some threads run ahead of others. An
/// instruction therefore needs a barrier if it touches the same memory as an instruction since the last barrier, one of
/// the two writes, and they do not divide the work in the same way.
struct BarrierPlacement {
    /// A use of memory by an instruction.
    private struct Access {
        enum Place: Hashable {
            case arena(Range<Int>)
            case result(Int)
            case cache(Int)
        }

        var place: Place
        var writes: Bool
        /// The buffer, if each thread touches only its own share of the rows, which is the same in every such
        /// instruction.
        var ownRowsOf: Int?

        func conflicts(with other: Access) -> Bool {
            guard writes || other.writes, overlaps(other.place) else { return false }
            return ownRowsOf == nil || ownRowsOf != other.ownRowsOf
        }

        private func overlaps(_ other: Place) -> Bool {
            if case .arena(let mine) = place, case .arena(let theirs) = other { return mine.overlaps(theirs) }
            return place == other
        }
    }

    private var pending: [Access] = []
    private let buffers: [ScheduledBuffer]

    init(buffers: [ScheduledBuffer]) { self.buffers = buffers }

    /// Sets `barrier` of the next instruction on the tape.
    mutating func place(_ instruction: inout Instruction) {
        let accesses = accesses(of: instruction)
        if accesses.contains(where: { access in pending.contains { $0.conflicts(with: access) } }) {
            instruction.barrier = true
        }
        if instruction.barrier { pending = [] }
        pending += accesses
    }

    private func accesses(of instruction: Instruction) -> [Access] {
        let byRows = instruction.opcode.division == .rows
        func access(_ number: Int, writes: Bool, byRows: Bool) -> Access? {
            let buffer = buffers[number]
            let place: Access.Place
            switch buffer.storage {
            case .parameter: return nil
            case .result(let index): place = .result(index)
            case .arena(let offset):
                place = .arena(offset..<offset + buffer.bytesPerRow)
            }
            return Access(place: place, writes: writes, ownRowsOf: byRows ? number : nil)
        }
        var result = instruction.inputs.compactMap { access($0, writes: false, byRows: byRows) }
        result += instruction.outputs.compactMap { access($0, writes: true, byRows: byRows) }
        if let cache = instruction.cache {
            result.append(
                Access(place: .cache(cache), writes: instruction.opcode.operation?.traits.cache == .write))
        }
        return result
    }
}
