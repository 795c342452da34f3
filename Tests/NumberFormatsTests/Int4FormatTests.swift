import NumberFormats
import RandomGraphs
import Testing

@Suite struct Int4FormatTests {
    @Test(arguments: Int8FormatTests.sizes)
    func `int4 codes come back from every place of matrices of any size, and padding is zero`(
        _ rows: Int, _ columns: Int
    ) {
        var random = RandomSource(seed: 1)
        // Each group contains −8, 7 and nonzero whole numbers between them, times its own power of two.
        let codes = (0..<rows * columns).map { index -> Float in
            let k = index % columns
            let code = k % 32 == 0 ? -8 : k % 32 == 1 ? 7 : Int.random(in: 1...7, using: &random)
            return Float(code) * Float(1 << (index / columns % 3 + k / 32 % 5))
        }
        let packed = PackedMatrix(codes, rows: rows, columns: columns, Int4Format.self)
        let (height, width) = ((rows + 31) / 32 * 32, (columns + 63) / 64 * 64)
        var misplaced: [String] = []
        packed.bytes.withUnsafeBytes { packed in
            for n in 0..<height {
                for k in 0..<width {
                    let expected = n < rows && k < columns ? codes[n * columns + k] : 0
                    let found = Int4Format.element(packed, n: n, k: k, rows: rows, columns: columns)
                    // A group of one number may get any scale that divides it.
                    if abs(found - expected) > abs(expected) / 256 { misplaced.append("output \(n), input \(k)") }
                    let (byte, isHigh) = Int4Format.place(n: n, k: k, columns: columns)
                    let nibble = isHigh ? packed[byte] >> 4 : packed[byte] & 15
                    if n >= rows || k >= columns, nibble != 8 { misplaced.append("padding at output \(n), input \(k)") }
                }
            }
        }
        #expect(misplaced == [])
    }

    @Test func `nibbles and scales fill the strips, and no two share a place`() {
        for columns in [1, 64, 65, 130] {
            let width = (columns + 63) / 64 * 64
            var halves: [Int: Int] = [:]
            var scales: Set<Int> = []
            for n in 0..<64 {
                for k in 0..<width {
                    let (byte, isHigh) = Int4Format.place(n: n, k: k, columns: columns)
                    halves[byte, default: 0] += isHigh ? 16 : 1
                    scales.insert(Int4Format.scaleOffset(n: n, k: k, columns: columns))
                }
            }
            #expect(halves.values.allSatisfy { $0 == 17 })
            #expect(scales.count == 64 * width / 32)
            let bytes = Set(scales.flatMap { [$0, $0 + 1] })
            #expect(bytes.isDisjoint(with: halves.keys))
            #expect(bytes.union(halves.keys) == Set(0..<2 * Int4Format.stripBytes(columns: columns)))
        }
    }

    @Test func `the layout is the one that the executor reads: a block's two groups in the halves of a byte`() {
        func expect(_ place: (byte: Int, isHigh: Bool), _ byte: Int, _ isHigh: Bool) {
            #expect(place.byte == byte && place.isHigh == isHigh)
        }
        expect(Int4Format.place(n: 0, k: 1, columns: 128), 1, false)
        expect(Int4Format.place(n: 1, k: 0, columns: 128), 4, false)
        expect(Int4Format.place(n: 0, k: 4, columns: 128), 64, false)
        expect(Int4Format.place(n: 0, k: 32, columns: 128), 0, true)
        expect(Int4Format.place(n: 16, k: 37, columns: 128), 512 + 64 + 1, true)
        expect(Int4Format.place(n: 0, k: 64, columns: 128), 1152, false)
        expect(Int4Format.place(n: 32, k: 0, columns: 65), 2304, false)
        #expect(Int4Format.scaleOffset(n: 0, k: 0, columns: 128) == 1024)
        #expect(Int4Format.scaleOffset(n: 5, k: 31, columns: 128) == 1024 + 10)
        #expect(Int4Format.scaleOffset(n: 5, k: 32, columns: 128) == 1024 + 64 + 10)
        #expect(Int4Format.scaleOffset(n: 37, k: 64, columns: 128) == 2304 + 1152 + 1024 + 10)
    }
}
