import CExecutor
import NumberFormats
import Plans
import RandomGraphs
import Testing

/// The number formats against the executor's own table of them.
@Suite struct ExecutorFormatTests {
    /// The executor's numbers of weight formats by name.
    static let formats = numbers { ech_format_describe($0).map { String(cString: $0.pointee.name) } }
    static let elements = numbers { ech_element_name($0).map(String.init(cString:)) }

    static func numbers(_ name: (Int32) -> String?) -> [String: Int32] {
        var numbers: [String: Int32] = [:]
        while let name = name(Int32(numbers.count)) { numbers[name] = Int32(numbers.count) }
        return numbers
    }

    static let shapes = [
        (1, 1), (1, 64), (31, 33), (32, 32), (32, 64), (33, 65), (64, 63), (65, 129), (100, 1000), (517, 160),
        (15_840, 5280), (65_536, 5280),
    ]

    @Test func `the executor knows the same formats of weights and elements of rows`() {
        #expect(Set(Self.formats.keys) == Set(ElementType.weightFormats.map(\.name)))
        #expect(Set(Self.elements.keys) == Set(ElementType.allCases.filter { $0.rows != nil }.map(\.name)))
    }

    @Test(arguments: ElementType.weightFormats)
    func `a format reads the same rows, and is as wide, as the executor's`(_ format: ElementType) throws {
        let (layout, number) = (try #require(format.weights), try #require(Self.formats[format.name]))
        let form = try #require(ech_format_describe(number)).pointee
        #expect(ech_element_name(form.input).map(String.init(cString:)) == layout.input.name)
        #expect(min(layout.maxColumns, PlanLimits.width) == Int(form.columns_limit))
        // Plans align every weight to 64 bytes.
        #expect(form.alignment > 0 && 64 % form.alignment == 0)
    }

    @Test(arguments: ElementType.weightFormats)
    func `matrices of any shape take the bytes that the executor expects`(_ format: ElementType) throws {
        let (layout, number) = (try #require(format.weights), try #require(Self.formats[format.name]))
        for (rows, columns) in Self.shapes {
            let bytes = ech_format_bytes(number, Int32(rows), Int32(columns))
            #expect(layout.byteCount(rows: rows, columns: columns).map(Int64.init) == bytes, "\(rows) × \(columns)")
        }
    }

    @Test(arguments: ElementType.weightFormats)
    func `the executor reads from a packed matrix what was packed, to the bit`(_ format: ElementType) throws {
        let (layout, number) = (try #require(format.weights), try #require(Self.formats[format.name]))
        var random = RandomSource(seed: 1)
        for (rows, columns) in Self.shapes where rows * columns < 100_000 {
            let matrix = PackedMatrix(random.normals(rows * columns), rows: rows, columns: columns, layout)
            let expected = matrix.elements
            var found = [Float](repeating: .nan, count: rows * columns)
            matrix.withAlignedBytes { bytes in
                found.withUnsafeMutableBufferPointer { found in
                    for row in 0..<rows {
                        let isRead = ech_format_read_row(
                            number, bytes.baseAddress, Int64(bytes.count), Int32(rows), Int32(columns), Int32(row),
                            found.baseAddress.map { $0 + row * columns })
                        #expect(isRead, "\(rows) × \(columns), row \(row)")
                    }
                }
            }
            #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "\(rows) × \(columns)")
        }
    }

    @Test(arguments: ElementType.allCases.filter { $0.rows != nil })
    func `an arena reserves the bytes that the executor needs for a row, in whole cache lines`(
        _ element: ElementType
    ) throws {
        let (layout, number) = (try #require(element.rows), try #require(Self.elements[element.name]))
        for width in [1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 160, 1000, 5280, 65_536] {
            let needed = ech_element_bytes_per_row(number, Int32(width))
            #expect(Int64(layout.bytesPerRow(width: width)) == (needed + 63) / 64 * 64, "\(width)")
        }
    }

    @Test func `a plan's limits of a schedule are the executor's`() {
        #expect(PlanLimits.width == Int(ECH_WIDTH_LIMIT))
        #expect(PlanLimits.arena == Int(ECH_ARENA_LIMIT))
    }
}
