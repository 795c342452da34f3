import Plans
import RandomGraphs
import Testing

@Suite struct ChecksumTests {
    /// The checksum of bytes that are added in pieces of the given sizes, then the rest.
    static func checksum(_ bytes: [UInt8], pieces: [Int] = []) -> UInt64 {
        var checksum = Checksum()
        bytes.withUnsafeBytes { bytes in
            var start = 0
            for size in pieces where start + size <= bytes.count {
                checksum.add(UnsafeRawBufferPointer(rebasing: bytes[start..<start + size]))
                start += size
            }
            checksum.add(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
        return checksum.value()
    }

    static let sample = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 37 + $0 / 7) }

    @Test func `how the bytes are divided does not matter`() {
        let whole = Self.checksum(Self.sample)
        for size in 0...130 {
            let pieces = Array(repeating: size, count: size == 0 ? 3 : 300 / size)
            #expect(Self.checksum(Self.sample, pieces: pieces) == whole, "pieces of \(size)")
        }
        var random = RandomSource(seed: 1)
        for _ in 0..<200 {
            let pieces = (0..<12).map { _ in Int.random(in: 0...70, using: &random) }
            #expect(Self.checksum(Self.sample, pieces: pieces) == whole, "pieces \(pieces)")
        }
    }

    @Test func `asking for the value in between changes nothing`() {
        var checksum = Checksum()
        for byte in Self.sample {
            withUnsafeBytes(of: byte) { checksum.add($0) }
            _ = checksum.value()
        }
        #expect(checksum.value() == Self.checksum(Self.sample))
    }

    @Test func `any change of one byte is noticed`() {
        // The input has two whole blocks and a part of one.
        let bytes = Array(Self.sample.prefix(150))
        let right = Self.checksum(bytes)
        for place in bytes.indices {
            for change in 1...255 as ClosedRange<UInt8> {
                var damaged = bytes
                damaged[place] ^= change
                if Self.checksum(damaged) == right { Issue.record("byte \(place) xor \(change)") }
            }
        }
    }

    @Test func `zeros at the end, and any length of zeros, count`() {
        let lengths = 0...200
        #expect(Set(lengths.map { Self.checksum([UInt8](repeating: 0, count: $0)) }).count == lengths.count)
        #expect(
            Set(lengths.map { Self.checksum(Self.sample + [UInt8](repeating: 0, count: $0)) }).count == lengths.count)
    }

    @Test func `words and blocks that change places are noticed`() {
        let right = Self.checksum(Self.sample)
        for (first, second) in [(0, 8), (0, 64), (8, 72), (64, 128), (0, 248)] {
            var swapped = Self.sample
            for byte in 0..<8 { swapped.swapAt(first + byte, second + byte) }
            #expect(Self.checksum(swapped) != right)
        }
    }

    @Test func `plans of today can be read tomorrow: the values themselves do not change`() {
        // The values come from a second implementation, in another language and one word at a time.
        #expect(Self.checksum([]) == 10_375_102_678_583_670_846)
        #expect(Self.checksum(Self.sample) == 771_373_073_678_609_078)
    }

    @Test func `the text is the value in 16 digits`() throws {
        var checksum = Checksum()
        for byte in Self.sample {
            withUnsafeBytes(of: byte) { checksum.add($0) }
            #expect(checksum.text.utf8.count == 16)
            #expect(UInt64(checksum.text, radix: 16) == checksum.value())
        }
    }
}
