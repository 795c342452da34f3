import IR
import NumberFormats
import Plans

/// The places of a function's values in memory. Parameters and results are in the caller's memory. All other values are
/// in one arena, in which values that are never needed at the same time share memory.
///
/// All sizes are in bytes per row of the call. Every buffer grows with the rows, so one plan serves any number of rows.
public struct MemoryPlan: Hashable, Sendable {
    /// The place of a value in the arena, and the steps during which it is needed.
    public struct Placement: Hashable, Sendable {
        /// The value.
        public var value: Value
        /// The step that first writes the value. Steps are numbered like the instructions of the tape.
        public var firstStep: Int
        /// The last step that reads the value.
        public var lastStep: Int
        /// The offset of the value from the start of the arena, in bytes per row.
        public var offsetPerRow: Int
        /// The size of the value, in bytes per row.
        public var bytesPerRow: Int
    }

    /// The placements, in the order of their first steps.
    public var placements: [Placement]
    /// The size of the arena, in bytes per row.
    public var bytesPerRow: Int
    /// The sum of the sizes of all values, in bytes per row, which is the arena without planning.
    public var unplannedBytesPerRow: Int

    /// The memory plan of one function of a lowered module.
    /// - Throws: ``CompilerError`` if a value has no leading `rows` extent.
    public init(_ function: Function) throws {
        try self.init(LinearCode(function), parameters: function.parameters)
    }

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
        // A value that enters a loop from outside, or is carried, is needed until the end of the loop.
        for loop in code.loops {
            for (name, placement) in placements
            where placement.firstStep < loop.lowerBound && placement.lastStep >= loop.lowerBound {
                placements[name]?.lastStep = max(placement.lastStep, loop.upperBound - 1)
            }
        }

        // First fit in the order of the first steps: only values that are needed at that step can be in the way.
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
