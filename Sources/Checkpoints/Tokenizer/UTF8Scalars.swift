/// A reader of scalars in a buffer that is known to be valid UTF-8, at a byte position in either direction.
enum UTF8Scalars {
    /// The number of bytes of a sequence that starts with `lead`.
    static func length(lead: UInt8) -> Int {
        lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    }

    /// The scalar that starts at `position`, which is before the end, and the position after it.
    static func scalar(
        at position: Int, in bytes: UnsafeBufferPointer<UInt8>
    ) -> (scalar: Unicode.Scalar, end: Int) {
        let end = min(position + length(lead: bytes[position]), bytes.count)
        return (decode(bytes, position..<end), end)
    }

    /// The scalar that ends at `position`, which is after the start, and its beginning.
    static func scalar(
        before position: Int, in bytes: UnsafeBufferPointer<UInt8>
    ) -> (scalar: Unicode.Scalar, start: Int) {
        var start = position - 1
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return (decode(bytes, start..<position), start)
    }

    /// The number of bytes at the end that could be the beginning of a character (Unicode, table 3-7).
    static func incompleteSuffix(of bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0xC0 == 0x80 { continue }
            guard lead >= 0xC2, lead <= 0xF4, Self.length(lead: lead) > length else { return 0 }
            guard length > 1 else { return 1 }
            let second = bytes[bytes.count - length + 1]
            let allowed: ClosedRange<UInt8> =
                switch lead {
                case 0xE0: 0xA0...0xBF
                case 0xED: 0x80...0x9F
                case 0xF0: 0x90...0xBF
                case 0xF4: 0x80...0x8F
                default: 0x80...0xBF
                }
            return allowed.contains(second) ? length : 0
        }
        return 0
    }

    private static func decode(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Unicode.Scalar {
        let lead = UInt32(bytes[range.lowerBound])
        guard range.count > 1 else { return Unicode.Scalar(UInt8(truncatingIfNeeded: lead)) }
        var code = lead & (0x7F >> UInt32(range.count))
        for index in range.dropFirst() { code = code << 6 | UInt32(bytes[index] & 0x3F) }
        return Unicode.Scalar(code) ?? "\u{FFFD}"
    }
}
