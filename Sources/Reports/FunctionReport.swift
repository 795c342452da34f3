import Plans

/// The sizes of a compiled function.
package struct FunctionReport: Codable, Hashable, Sendable {
    package var name: String
    /// The recurrences that the tape is unrolled for; absent if it loops.
    package var unrolled: Int?
    package var instructions: Int
    package var barriers: Int
    package var arenaBytesPerRow: Int
    /// The bytes per row that the arena would take if no two values shared memory.
    package var unplannedBytesPerRow: Int

    package init(_ function: ScheduledFunction) {
        name = function.name
        unrolled = function.unrolled
        instructions = function.instructions.count
        barriers = function.instructions.filter(\.barrier).count
        arenaBytesPerRow = function.arenaBytesPerRow
        unplannedBytesPerRow = function.unplannedBytesPerRow
    }

    package var label: String { ScheduledFunction.label(name, unrolled: unrolled) }
}
