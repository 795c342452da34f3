import Foundation

/// The spelling of metadata in a header that this module wrote.
enum MetadataText {
    /// A JSON string with its quotes (RFC 8259, section 7). Only characters that have to be escaped are escaped.
    static func json(_ text: String) -> [UInt8] {
        var output = [UInt8(ascii: "\"")]
        output.reserveCapacity(text.utf8.count + 2)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): output += "\\n".utf8
            case 0..<0x20: output += "\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
        return output
    }

    /// The place of the text of `value` in `header`, without its quotes: after the first `"key":"`.
    ///
    /// That text starts with a quote. Inside a string it would have a backslash before it, so the first match is really
    /// a key, and the writer puts the metadata before every tensor.
    static func range(of value: String, key: String, in header: UnsafeRawBufferPointer) -> Range<Int>? {
        let spelled = json(value)
        guard spelled.count == value.utf8.count + 2 else { return nil }
        let member = json(key) + [UInt8(ascii: ":")] + spelled
        guard let found = Data(header).range(of: Data(member)) else { return nil }
        return found.upperBound - 1 - value.utf8.count..<found.upperBound - 1
    }
}
