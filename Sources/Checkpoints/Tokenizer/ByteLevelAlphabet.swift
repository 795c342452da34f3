/// The characters that stand for the 256 bytes in a byte-level vocabulary, as GPT-2 introduced them.
///
/// The printable bytes of Latin-1 stand for themselves. The other 68, in ascending order, are U+0100, U+0101, ….
enum ByteLevelAlphabet {
    /// The code point that stands for each byte. All are below U+0800, so two bytes of UTF-8 hold each.
    static let codePoints: [UInt16] = {
        var next: UInt16 = 0x100
        return (UInt16(0)...255).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
            default:
                defer { next += 1 }
                return next
            }
        }
    }()

    /// The byte that each code point stands for, or -1. The array ends with the last code point of the alphabet.
    private static let bytes: [Int16] = {
        var table = [Int16](repeating: -1, count: Int(codePoints.max() ?? 0) + 1)
        for (byte, codePoint) in codePoints.enumerated() { table[Int(codePoint)] = Int16(byte) }
        return table
    }()

    /// Appends the UTF-8 of the characters that stand for `text`.
    static func append(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
        for byte in text {
            let codePoint = codePoints[Int(byte)]
            if codePoint < 0x80 {
                output.append(UInt8(truncatingIfNeeded: codePoint))
            } else {
                output.append(UInt8(truncatingIfNeeded: 0xC0 | codePoint >> 6))
                output.append(UInt8(truncatingIfNeeded: 0x80 | codePoint & 0x3F))
            }
        }
    }

    /// The bytes that the characters of `token` stand for, or nil if one of them is not in the alphabet.
    static func bytes(of token: String) -> [UInt8]? {
        var result: [UInt8] = []
        for scalar in token.unicodeScalars {
            guard scalar.value < UInt32(bytes.count), let byte = UInt8(exactly: bytes[Int(scalar.value)]) else {
                return nil
            }
            result.append(byte)
        }
        return result
    }
}
