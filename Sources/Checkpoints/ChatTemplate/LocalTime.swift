import Foundation

/// The local time as Python's `datetime.now().strftime(…)` writes it: by C's `strftime`, but without a zone, so that
/// `%z` and `%Z` are empty, and with microseconds for `%f`.
enum LocalTime {
    static func text(_ time: Date, _ format: String) throws -> String {
        guard format.utf8.count <= 256, !format.utf8.contains(0) else {
            throw TemplateFault("the format of 'strftime_now' is longer than 256 bytes or holds a zero byte")
        }
        let whole = time.timeIntervalSince1970.rounded(.down)
        guard var seconds = time_t(exactly: whole) else {
            throw TemplateFault("the time given for 'strftime_now' is out of range")
        }
        let microseconds = min(999_999, Int(((time.timeIntervalSince1970 - whole) * 1_000_000).rounded(.down)))
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 4096)
        // The leading blank distinguishes an empty result from one that does not fit.
        let length = strftime(
            &buffer, buffer.count, " " + replacingFields(in: format, microseconds: microseconds), &parts)
        guard length > 0 else { throw TemplateFault("the format of 'strftime_now' makes too long a text") }
        return String(decoding: buffer[1..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// `format` without the fields that Python does not leave to C.
    private static func replacingFields(in format: String, microseconds: Int) -> String {
        let scalars = Array(format.unicodeScalars)
        var result = String.UnicodeScalarView()
        var index = 0
        while index < scalars.count {
            let field = index + 1 < scalars.count && scalars[index] == "%" ? scalars[index + 1] : nil
            switch field {
            case "z", "Z": index += 2
            case ":" where index + 2 < scalars.count && scalars[index + 2] == "z": index += 3
            case "f":
                let digits = String(microseconds)
                result.append(contentsOf: (String(repeating: "0", count: 6 - digits.count) + digits).unicodeScalars)
                index += 2
            case let other?:
                result.append(contentsOf: ["%", other])
                index += 2
            case nil:
                result.append(scalars[index])
                index += 1
            }
        }
        return String(result)
    }
}
