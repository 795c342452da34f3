import NumberFormats
import RandomGraphs
import Testing

@Suite struct BF16FormatTests {
    /// The 16-bit words of a packed matrix.
    static func words(_ source: [Float], rows: Int, columns: Int) -> [UInt16] {
        PackedMatrix(source, rows: rows, columns: columns, BF16Format.self).bytes.withUnsafeBytes {
            Array($0.bindMemory(to: UInt16.self))
        }
    }

    /// The value of a float after it has passed through a matrix of one element.
    static func rounded(_ value: Float) -> Float {
        PackedMatrix([value], rows: 1, columns: 1, BF16Format.self).element(0, 0)
    }

    @Test func `bf16 values come back from every place of matrices of any size, and all else is zero`() {
        var random = RandomSource(seed: 1)
        let sizes =
            [(1, 1), (32, 32), (33, 31), (31, 33), (16, 64), (64, 1), (1, 97)]
            + (0..<20).map { _ in (Int.random(in: 1...100, using: &random), Int.random(in: 1...100, using: &random)) }
        for (rows, columns) in sizes {
            // The elements are not zero, so that padding can be distinguished from them.
            let source = (0..<rows * columns).map { _ in
                Float(bitPattern: UInt32.random(in: 0x3000...0x4F00, using: &random) << 16)
                    * (Bool.random(using: &random) ? 1 : -1)
            }
            let packed = PackedMatrix(source, rows: rows, columns: columns, BF16Format.self)
            #expect(packed.elements == source, "\(rows) × \(columns)")
            let words = Self.words(source, rows: rows, columns: columns)
            #expect(words.count { $0 != 0 } == source.count, "\(rows) × \(columns)")
        }
    }

    @Test func `offsets place every element of the padded matrix once`() {
        for columns in [1, 32, 33, 70] {
            let (height, width) = (64, (columns + 31) / 32 * 32)
            let offsets = Set(
                (0..<height).flatMap { n in
                    (0..<width).map { BF16Format.offset(n: n, k: $0, columns: columns) }
                })
            #expect(offsets == Set(0..<height * width))
        }
    }

    @Test
    func `the layout is the one that the executor reads: pairs of inputs, panels of 16 outputs, blocks of 32 inputs`() {
        #expect(BF16Format.offset(n: 0, k: 1, columns: 64) == 1)
        #expect(BF16Format.offset(n: 1, k: 0, columns: 64) == 2)
        #expect(BF16Format.offset(n: 0, k: 2, columns: 64) == 32)
        #expect(BF16Format.offset(n: 16, k: 0, columns: 64) == 512)
        #expect(BF16Format.offset(n: 0, k: 32, columns: 64) == 1024)
        #expect(BF16Format.offset(n: 32, k: 0, columns: 64) == 2048)
        #expect(BF16Format.offset(n: 32, k: 0, columns: 33) == 2048)
    }

    @Test(arguments: [
        // Ties go to the even neighbour, down and up; anything more than half goes up.
        (0x3F80_8000 as UInt32, 0x3F80_0000 as UInt32), (0x3F81_8000, 0x3F82_0000), (0x3F80_8001, 0x3F81_0000),
        (0x3F80_7FFF, 0x3F80_0000), (0xBF81_8000, 0xBF82_0000),
        // A carry into the exponent, and from the largest finite values to infinity.
        (0x3FFF_FFFF, 0x4000_0000), (0x7F7F_FFFF, 0x7F80_0000), (0xFF7F_8000, 0xFF80_0000), (0x7F7F_7FFF, 0x7F7F_0000),
        // Infinities and zeros keep their signs.
        (0x7F80_0000, 0x7F80_0000), (0xFF80_0000, 0xFF80_0000), (0, 0), (0x8000_0000, 0x8000_0000),
        // Denormals round like all other numbers: to zero, to a denormal, and up into the normal numbers.
        (0x0000_0001, 0), (0x0000_8000, 0), (0x0000_8001, 0x0001_0000), (0x8001_8000, 0x8002_0000),
        (0x007F_FFFF, 0x0080_0000),
    ])
    func `rounding is to nearest, ties to even`(_ bits: UInt32, _ expected: UInt32) {
        #expect(Self.rounded(Float(bitPattern: bits)).bitPattern == expected)
    }

    @Test(arguments: [0x7FC0_0000, 0x7F80_0001, 0xFF80_0001, 0x7FFF_FFFF, 0xFFFF_FFFF] as [UInt32])
    func `a NaN stays a NaN whatever its bits, and does not round to infinity`(_ bits: UInt32) {
        #expect(Self.rounded(Float(bitPattern: bits)).isNaN)
    }

    @Test func `rounding gives the nearest of the two neighbours, for random numbers`() {
        var random = RandomSource(seed: 2)
        for _ in 0..<5000 {
            let value = Float(bitPattern: UInt32.random(in: 0...0x7F7E_FFFF, using: &random))
            let below = Float(bitPattern: value.bitPattern & 0xFFFF_0000)
            let above = Float(bitPattern: (value.bitPattern & 0xFFFF_0000) + 0x1_0000)
            let rounded = Self.rounded(value)
            #expect(rounded == below || rounded == above)
            // The differences of neighbours are exact in f32.
            #expect(abs(rounded - value) == min(value - below, above - value), "\(value.bitPattern)")
        }
    }

    /// The nearest bf16 number, computed case by case.
    static func nearest(_ value: Float) -> UInt16 {
        let (upper, lower) = (UInt16(value.bitPattern >> 16), value.bitPattern & 0xFFFF)
        if value.isNaN { return upper | 0x40 }
        if lower < 0x8000 || (lower == 0x8000 && upper % 2 == 0) { return upper }
        return upper + 1
    }

    @Test func `packing by blocks is packing one element after another, to the bit, whatever the floats`() {
        var random = RandomSource(seed: 3)
        let special: [UInt32] = [0, 0x8000_0000, 1, 0x7F80_0000, 0xFF80_0000, 0x7F80_0001, 0xFFFF_FFFF, 0x7F7F_FFFF]
        let sizes =
            [(1, 1), (32, 32), (32, 96), (31, 64), (17, 65), (32, 95), (40, 127), (3, 33)]
            + (0..<20).map { _ in (Int.random(in: 1...70, using: &random), Int.random(in: 1...140, using: &random)) }
        for (rows, columns) in sizes {
            let source = (0..<rows * columns).map { _ in
                Float(
                    bitPattern: Int.random(in: 0..<8, using: &random) == 0
                        ? special.randomElement(using: &random) ?? 0 : UInt32.random(in: 0...UInt32.max, using: &random)
                )
            }
            let packed = Self.words(source, rows: rows, columns: columns)
            var expected = [UInt16](repeating: 0, count: packed.count)
            for index in source.indices {
                expected[BF16Format.offset(n: index / columns, k: index % columns, columns: columns)] =
                    Self.nearest(source[index])
            }
            #expect(packed == expected, "\(rows) × \(columns)")
        }
    }
}
