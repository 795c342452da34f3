import NumberFormats
import RandomGraphs
import Testing

@Suite struct Int8FormatTests {
    static let sizes = [(1, 1), (32, 64), (33, 63), (31, 65), (16, 128), (64, 1), (1, 97), (70, 200)]

    @Test(arguments: sizes)
    func `int8 codes come back from every place of matrices of any size, and padding is zero`(
        _ rows: Int, _ columns: Int
    ) {
        var random = RandomSource(seed: 1)
        // The elements are whole numbers, and the first of each row is 127, the largest. So the search ends at the
        // scale 1. They are not zero, so that padding can be distinguished from them.
        let codes = (0..<rows * columns).map { index in
            index % columns == 0
                ? 127 : Float(Int.random(in: 1...127, using: &random)) * (Bool.random(using: &random) ? 1 : -1)
        }
        let packed = PackedMatrix(codes, rows: rows, columns: columns, Int8Format.self)
        #expect(packed.elements == codes)
        packed.bytes.withUnsafeBytes { packed in
            let end = Int8Format.scalesOffset(rows: rows, columns: columns)
            #expect(packed[..<end].count { $0 != 0 } == rows * columns)
            for n in 0..<(packed.count - end) / 4 {
                #expect(packed.loadUnaligned(fromByteOffset: end + n * 4, as: Float.self) == (n < rows ? 1 : 0))
            }
        }
    }

    @Test func `offsets place every code of the padded matrix once`() {
        for columns in [1, 64, 65, 130] {
            let width = (columns + 63) / 64 * 64
            let offsets = Set(
                (0..<64).flatMap { n in
                    (0..<width).map { Int8Format.offset(n: n, k: $0, columns: columns) }
                })
            #expect(offsets == Set(0..<64 * width))
        }
    }

    @Test
    func `the layout is the one that the executor reads: quads of inputs, panels of 16 outputs, blocks of 64 inputs`() {
        #expect(Int8Format.offset(n: 0, k: 1, columns: 128) == 1)
        #expect(Int8Format.offset(n: 1, k: 0, columns: 128) == 4)
        #expect(Int8Format.offset(n: 0, k: 4, columns: 128) == 64)
        #expect(Int8Format.offset(n: 16, k: 0, columns: 128) == 1024)
        #expect(Int8Format.offset(n: 0, k: 64, columns: 128) == 2048)
        #expect(Int8Format.offset(n: 32, k: 0, columns: 128) == 4096)
        #expect(Int8Format.offset(n: 32, k: 0, columns: 65) == 4096)
        #expect(Int8Format.scalesOffset(rows: 33, columns: 65) == 8192)
    }
}
