import IR
import NumberFormats
import Plans

/// Where every value of a function lies: results and parameters in the caller's memory, all else in one arena, in which
/// values share memory when they are never alive together.
///
/// All sizes are bytes per row of the call, and every buffer grows with the rows, so one plan serves any number of rows.
public struct MemoryPlan: Hashable, Sendable {
    /// A value's time in the arena: from the step that first writes it to the last one that reads it.
    public struct Placement: Hashable, Sendable {
        public var value: Value
        /// Steps are numbered as the tape's instructions are.
        public var firstStep: Int
        public var lastStep: Int
        /// Where in the arena, and how much of it, in bytes per row.
        public var offsetPerRow: Int
        public var bytesPerRow: Int
    }

    /// In the order of their first step.
    public var placements: [Placement]
    /// The arena's size.
    public var bytesPerRow: Int
    /// The sum of all values' sizes: the arena without planning.
    public var unplannedBytesPerRow: Int

    init(_ code: LinearCode, parameters: [Value]) throws {
        let external = Set((parameters + code.results).map(\.name))
        var placements: [String: Placement] = [:]
        for (step, action) in code.steps.enumerated() {
            for value in action.reads + action.writes where !external.contains(value.name) {
                let bytes = try value.rowLayout.bytesPerRow(width: value.type.width)
                placements[
                    value.name,
                    default: Placement(
                        value: value, firstStep: step, lastStep: step, offsetPerRow: 0, bytesPerRow: bytes)
                ].lastStep = step
            }
        }
        // What enters a loop from outside, or is carried, is needed until the loop's end.
        for loop in code.loops {
            for (name, placement) in placements
            where placement.firstStep < loop.lowerBound && placement.lastStep >= loop.lowerBound {
                placements[name]?.lastStep = max(placement.lastStep, loop.upperBound - 1)
            }
        }

        // First fit in the order of time: only what is alive at a value's first step can be in its way.
        let ordered = placements.values.sorted {
            ($0.firstStep, $1.bytesPerRow, $0.value.name) < ($1.firstStep, $0.bytesPerRow, $1.value.name)
        }
        var alive: [Placement] = []
        self.placements = []
        for var placement in ordered {
            alive.removeAll { $0.lastStep < placement.firstStep }
            var offset = 0
            for other in alive.sorted(by: { $0.offsetPerRow < $1.offsetPerRow }) {
                if offset + placement.bytesPerRow <= other.offsetPerRow { break }
                offset = max(offset, other.offsetPerRow + other.bytesPerRow)
            }
            placement.offsetPerRow = offset
            alive.append(placement)
            self.placements.append(placement)
        }
        bytesPerRow = self.placements.map { $0.offsetPerRow + $0.bytesPerRow }.max() ?? 0
        unplannedBytesPerRow = self.placements.map(\.bytesPerRow).reduce(0, +)
    }
}

extension Value {
    /// The layout of the value's buffer.
    /// - Throws: ``CompilerError`` if no buffer can hold the value.
    var rowLayout: any RowLayout.Type {
        get throws {
            guard type.isRowwise else {
                throw CompilerError("%\(name) cannot be scheduled: its type has no leading `rows` extent.")
            }
            guard let layout = type.element.rows else {
                throw CompilerError("%\(name) cannot be scheduled: \(type.element) is for weights only.")
            }
            return layout
        }
    }
}
