import Foundation
import Safetensors

/// Writes a ``Timeline`` in the Chrome trace event format, which Perfetto and chrome://tracing open: one JSON object with
/// an array of events, one per line. Events are written to the file as they come and take no memory. The file appears
/// only when it is complete.
package struct TimelineWriter {
    /// A row of the timeline.
    package struct Track {
        var number: Int
        var name: String

        package init(number: Int, name: String) {
            self.number = number
            self.name = name
        }
    }

    private let file: AtomicFile
    private let start: Int
    private var line: [UInt8] = []
    private var isFirst = true

    /// The number of the only process, which viewers require.
    private static let process = 1

    /// - Parameter start: The time in nanoseconds that becomes 0.
    package init(path: String, process name: String, tracks: [Track], start: Int) throws {
        file = try AtomicFile(path: path)
        self.start = start
        try write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n")
        try metadata("process_name", track: nil, "{\"name\":\(jsonString(name))}")
        for track in tracks {
            try metadata("thread_name", track: track.number, "{\"name\":\(jsonString(track.name))}")
            try metadata("thread_sort_index", track: track.number, "{\"sort_index\":\(track.number)}")
        }
    }

    private mutating func metadata(_ kind: String, track: Int?, _ arguments: String) throws {
        begin()
        append("{\"ph\":\"M\",\"name\":\"\(kind)\",\"pid\":\(Self.process)")
        if let track { append(",\"tid\":\(track)") }
        append(",\"args\":\(arguments)}")
        try end()
    }

    /// Writes an event with a duration ("complete" in the format's terms).
    /// - Parameters:
    ///   - name: The name as JSON. Like `arguments` it is encoded already, since many events share their text.
    ///   - from, to: The start and the end in nanoseconds.
    package mutating func event(
        name: String, category: Timeline.Category, track: Int, from: Int, to: Int, arguments: TimelineArguments
    ) throws {
        begin()
        append("{\"ph\":\"X\",\"name\":")
        append(name)
        append(",\"cat\":\"\(category.rawValue)\",\"pid\":\(Self.process),\"tid\":\(track),\"ts\":")
        // The format has microseconds; nanoseconds are their thousandths.
        line.appendThousandths(from - start)
        append(",\"dur\":")
        line.appendThousandths(to - from)
        append(",\"args\":{")
        line += arguments.bytes
        append("}}")
        try end()
    }

    /// Ends the events and puts the file in place.
    package func finish() throws {
        try write("\n]}\n")
        try file.commit()
    }

    // MARK: Text

    private mutating func begin() {
        line.removeAll(keepingCapacity: true)
        if !isFirst { append(",\n") }
        isFirst = false
    }

    private mutating func append(_ text: String) { line += text.utf8 }

    private func end() throws { try line.withUnsafeBytes { try file.append($0) } }

    private func write(_ text: String) throws { try Array(text.utf8).withUnsafeBytes { try file.append($0) } }
}

/// The members of an event's `args`, encoded as JSON.
package struct TimelineArguments {
    package typealias Key = Timeline.Arguments.CodingKeys

    fileprivate var bytes: [UInt8] = []

    package init() {}

    package mutating func add(_ name: Key, _ text: String) { add(name, json: jsonString(text)) }

    package mutating func add(_ name: Key, _ number: Int) { add(name, json: "\(number)") }

    /// Adds a number with three decimal places. NaN and numbers too large for three places to mean anything are left out.
    package mutating func add(_ name: Key, _ number: Double) {
        guard abs(number) < 1e12 else { return }
        add(name, json: "")
        bytes.appendThousandths(Int((number * 1000).rounded()))
    }

    private mutating func add(_ name: Key, json: String) {
        bytes += "\(bytes.isEmpty ? "" : ",")\"\(name.rawValue)\":\(json)".utf8
    }
}

/// A string as JSON.
package func jsonString(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // Every string can be encoded.
    guard let data = try? encoder.encode(text) else { return "\"\"" }
    return String(decoding: data, as: UTF8.self)
}

extension [UInt8] {
    /// A number of thousandths as a decimal: 12345 as `12.345`.
    fileprivate mutating func appendThousandths(_ number: Int) {
        let fraction = number.magnitude % 1000
        self += "\(number < 0 ? "-" : "")\(number.magnitude / 1000).".utf8
        let zero = UInt8(ascii: "0")
        for digit in [fraction / 100, fraction / 10 % 10, fraction % 10] { append(zero + UInt8(digit)) }
    }
}
