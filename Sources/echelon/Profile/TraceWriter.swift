import Foundation
import Safetensors

/// Writes a timeline in the Chrome trace event format, which Perfetto and chrome://tracing open: one JSON object with an
/// array of events, one a line ("Trace Event Format", Google, 2016). Events go to the file as they come, so that a trace
/// takes no memory; the file appears when it is complete.
struct TraceWriter {
    /// A row of the timeline.
    struct Track {
        var number: Int
        var name: String
    }

    private let file: AtomicFile
    private let start: Int
    private var line: [UInt8] = []
    private var isFirst = true

    /// There is one process; viewers want a number for it.
    private static let process = 1

    /// - Parameter start: the time that becomes 0, in nanoseconds.
    init(path: String, process name: String, tracks: [Track], start: Int) throws {
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
    ///   - name: as JSON, and `arguments` likewise: text that many events share is encoded once.
    ///   - from, to: nanoseconds.
    mutating func event(
        name: String, category: StaticString, track: Int, from: Int, to: Int, arguments: TraceArguments
    ) throws {
        begin()
        append("{\"ph\":\"X\",\"name\":")
        append(name)
        append(",\"cat\":\"\(category)\",\"pid\":\(Self.process),\"tid\":\(track),\"ts\":")
        // The format's times are microseconds; nanoseconds are their thousandths.
        line.appendThousandths(from - start)
        append(",\"dur\":")
        line.appendThousandths(to - from)
        append(",\"args\":{")
        line += arguments.bytes
        append("}}")
        try end()
    }

    /// Ends the events and puts the file in place.
    func finish() throws {
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

/// The members of an event's `args`, as JSON.
struct TraceArguments {
    fileprivate var bytes: [UInt8] = []

    mutating func add(_ name: StaticString, _ text: String) { add(name, json: jsonString(text)) }

    mutating func add(_ name: StaticString, _ number: Int) { add(name, json: "\(number)") }

    /// A number with three places. One that is none, or too large for that to mean anything, is left out.
    mutating func add(_ name: StaticString, _ number: Double) {
        guard abs(number) < 1e12 else { return }
        add(name, json: "")
        bytes.appendThousandths(Int((number * 1000).rounded()))
    }

    private mutating func add(_ name: StaticString, json: String) {
        bytes += "\(bytes.isEmpty ? "" : ",")\"\(name)\":\(json)".utf8
    }
}

/// A string as JSON, whatever is in it.
func jsonString(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // Strings always have an encoding.
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
