import Plans
import Testing

@Suite struct PackedInt8Tests {
    /// A whole matrix with its scales, over memory that held something else before.
    static func packed(_ source: [Float], rows: Int, columns: Int) -> [UInt8] {
        let weight = ScheduledWeight(name: "w", format: .int8, rows: rows, columns: columns)
        var result = [UInt8](repeating: 0xAB, count: weight.byteCount ?? 0)
        let stripBytes = PackedInt8.stripBytes(columns: columns)
        source.withUnsafeBufferPointer { source in
            result.withUnsafeMutableBytes { result in
                let start = PackedInt8.scalesOffset(rows: rows, columns: columns)
                let scales = UnsafeMutableRawBufferPointer(rebasing: result[start...]).bindMemory(to: Float.self)
                for first in stride(from: 0, to: rows, by: PackedInt8.strip) {
                    let place = first / PackedInt8.strip * stripBytes
                    PackedInt8.packStrip(
                        UnsafeBufferPointer(rebasing: source[(first * columns)...]), rows: min(32, rows - first),
                        columns: columns,
                        into: UnsafeMutableRawBufferPointer(rebasing: result[place..<place + stripBytes]),
                        scales: UnsafeMutableBufferPointer(rebasing: scales[first..<first + 32]))
                }
            }
        }
        return result
    }

    static let sizes = [(1, 1), (32, 64), (33, 63), (31, 65), (16, 128), (64, 1), (1, 97), (70, 200)]

    @Test(arguments: sizes)
    func `int8 codes come back from every place of matrices of any size, and padding is zero`(
        _ rows: Int, _ columns: Int
    ) {
        var random = SeededGenerator(seed: 1)
        // Whole numbers of which a row's largest is 127 in its first place: the search ends at the scale 1. No zeros, so
        // that padding can be told from elements.
        let codes = (0..<rows * columns).map { index in
            index % columns == 0
                ? 127 : Float(Int.random(in: 1...127, using: &random)) * (Bool.random(using: &random) ? 1 : -1)
        }
        let packed = Self.packed(codes, rows: rows, columns: columns)
        packed.withUnsafeBytes { packed in
            let found = (0..<rows * columns).map {
                PackedInt8.element(packed, n: $0 / columns, k: $0 % columns, rows: rows, columns: columns)
            }
            #expect(found == codes)
            let end = PackedInt8.scalesOffset(rows: rows, columns: columns)
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
                    (0..<width).map { PackedInt8.offset(n: n, k: $0, columns: columns) }
                })
            #expect(offsets == Set(0..<64 * width))
        }
    }

    @Test
    func `the layout is the one that the executor reads: quads of inputs, panels of 16 outputs, blocks of 64 inputs`() {
        #expect(PackedInt8.offset(n: 0, k: 1, columns: 128) == 1)
        #expect(PackedInt8.offset(n: 1, k: 0, columns: 128) == 4)
        #expect(PackedInt8.offset(n: 0, k: 4, columns: 128) == 64)
        #expect(PackedInt8.offset(n: 16, k: 0, columns: 128) == 1024)
        #expect(PackedInt8.offset(n: 0, k: 64, columns: 128) == 2048)
        #expect(PackedInt8.offset(n: 32, k: 0, columns: 128) == 4096)
        #expect(PackedInt8.offset(n: 32, k: 0, columns: 65) == 4096)
        #expect(PackedInt8.scalesOffset(rows: 33, columns: 65) == 8192)
    }
}
