import Plans

/// What a compiled function consists of, in numbers.
struct FunctionReport: Encodable {
    var name: String
    /// The recurrences that the tape is unrolled for; absent when it loops.
    var unrolled: Int?
    var instructions: Int
    var barriers: Int
    var arenaBytesPerRow: Int
    var unplannedBytesPerRow: Int

    init(_ function: ScheduledFunction) {
        name = function.name
        unrolled = function.unrolled
        instructions = function.instructions.count
        barriers = function.instructions.filter(\.barrier).count
        arenaBytesPerRow = function.arenaBytesPerRow
        unplannedBytesPerRow = function.unplannedBytesPerRow
    }

    /// `decode.r32`, or `decode` for the looping form: as the IR names it.
    var label: String { unrolled.map { "\(name).r\($0)" } ?? name }
}
