import Foundation

/// A timeline as `profile -o` writes it, in the Chrome trace event format ("Trace Event Format", Google, 2016): for
/// reading it back. ``TimelineWriter`` writes it, event by event.
package struct Timeline: Decodable, Sendable {
    package struct Event: Decodable, Sendable {
        /// The phase: `X` is an event with a duration, `M` names a process or a track.
        package var ph: String
        package var name: String
        package var cat: Category?
        package var tid: Int?
        /// Start and duration in microseconds, with three decimal places.
        package var ts: Double?
        package var dur: Double?
        package var args: Arguments

        /// Start and end in nanoseconds.
        package var start: Int { Int(((ts ?? -1) * 1000).rounded()) }
        package var end: Int { start + Int(((dur ?? -1) * 1000).rounded()) }
    }

    package enum Category: String, Decodable, Sendable {
        case call, instruction, barrier
    }

    /// The arguments of all kinds of events. An event has those that apply to it.
    package struct Arguments: Decodable, Sendable {
        /// The keys as the file spells them.
        package enum CodingKeys: String, CodingKey {
            case name, call, index, function, opcode, output, weights, cache, rows, context, recurrences, instructions
            case iteration, bytes, before
            case gbS = "gb_s"
            case floorUs = "floor_us"
            case floorShare = "floor_share"
        }

        package var name: String?
        package var call: Int?
        package var index: Int?
        package var function: String?
        package var opcode: String?
        package var output: String?
        package var weights: String?
        package var cache: String?
        package var rows: Int?
        package var context: Int?
        package var recurrences: Int?
        package var instructions: Int?
        package var iteration: Int?
        package var bytes: Int?
        package var gbS: Double?
        package var floorUs: Double?
        package var floorShare: Double?
        package var before: Int?
    }

    package var traceEvents: [Event]

    package init(from data: Data) throws { self = try JSONDecoder().decode(Timeline.self, from: data) }
}
