import Plans
import Testing

@Suite struct ChunkedChecksumTests {
    static let chunk = ChunkedChecksum.chunkSize

    /// The checksum of bytes that are added in pieces of one size.
    static func checksum(_ bytes: [UInt8], piece: Int) -> UInt64 {
        var checksum = ChunkedChecksum()
        bytes.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: piece) {
                checksum.add(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + piece, bytes.count)]))
            }
        }
        return checksum.value()
    }

    static func atOnce(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { ChunkedChecksum($0).value() } }

    static func sample(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }

    @Test func `one pass by all cores gives what pieces give, around the ends of chunks`() {
        let long = Self.sample(2 * Self.chunk + 1)
        for count in [0, 1, 300, Self.chunk - 1, Self.chunk, Self.chunk + 1, 2 * Self.chunk, 2 * Self.chunk + 1] {
            let bytes = Array(long.prefix(count))
            let whole = Self.atOnce(bytes)
            #expect(Self.checksum(bytes, piece: max(1, count)) == whole, "\(count) bytes")
            #expect(Self.checksum(bytes, piece: (1 << 20) + 37) == whole, "\(count) bytes in pieces")
        }
    }

    @Test func `asking for the value in between changes nothing`() {
        var checksum = ChunkedChecksum()
        let bytes = Self.sample(300)
        for byte in bytes {
            withUnsafeBytes(of: byte) { checksum.add($0) }
            _ = checksum.value()
        }
        #expect(checksum.value() == Self.atOnce(bytes))
    }

    @Test func `a changed byte is noticed in every chunk, and so are chunks that change places`() {
        var bytes = Self.sample(2 * Self.chunk + 100)
        let right = Self.atOnce(bytes)
        for place in [0, Self.chunk - 1, Self.chunk, 2 * Self.chunk - 1, 2 * Self.chunk, bytes.count - 1] {
            bytes[place] ^= 1
            #expect(Self.atOnce(bytes) != right, "byte \(place)")
            bytes[place] ^= 1
        }
        bytes[0] = 7
        let different = Self.atOnce(bytes)
        bytes.swapAt(0, Self.chunk)
        #expect(Self.atOnce(bytes) != different)
        #expect(Self.atOnce(Array(bytes.dropLast())) != Self.atOnce(bytes))
    }

    @Test func `plans of today can be read tomorrow: the values themselves do not change`() {
        // The values come from a second implementation in another language.
        #expect(Self.atOnce([]) == 10_375_102_678_583_670_846)
        #expect(Self.atOnce(ChecksumTests.sample) == 18_121_910_714_316_183_830)
        #expect(Self.atOnce(Self.sample(Self.chunk + 1024) + [5]) == 2_435_156_201_778_931_232)
    }
}
