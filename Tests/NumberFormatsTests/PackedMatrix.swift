import NumberFormats

/// A whole matrix in a format's packed layout, written strip by strip over memory with other contents.
struct PackedMatrix {
    let layout: any WeightLayout.Type
    let rows: Int
    let columns: Int
    let bytes: [UInt8]

    init(_ source: [Float], rows: Int, columns: Int, _ layout: any WeightLayout.Type) {
        self.layout = layout
        self.rows = rows
        self.columns = columns
        let outputs = layout.stripOutputs
        let strips = (rows + outputs - 1) / outputs
        let trailer = strips * outputs * layout.trailingBytes
        var bytes = [UInt8](repeating: 0xAB, count: layout.byteCount(rows: rows, columns: columns) ?? 0)
        let trailerStart = bytes.count - trailer
        source.withUnsafeBufferPointer { source in
            bytes.withUnsafeMutableBytes { bytes in
                var start = 0
                for strip in 0..<strips {
                    let first = strip * outputs
                    let count = min(outputs, rows - first)
                    let end = start + layout.stripBytes(rows: count, columns: columns)
                    let scales = trailerStart + first * layout.trailingBytes
                    layout.packStrip(
                        UnsafeBufferPointer(rebasing: source[(first * columns)...]), rows: count, columns: columns,
                        into: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<end]),
                        trailer: UnsafeMutableRawBufferPointer(
                            rebasing: bytes[scales..<scales + outputs * layout.trailingBytes]))
                    start = end
                }
            }
        }
        self.bytes = bytes
    }

    func element(_ n: Int, _ k: Int) -> Float {
        bytes.withUnsafeBytes { layout.element($0, n: n, k: k, rows: rows, columns: columns) }
    }

    /// Calls `body` with the bytes at an address that the executor accepts.
    func withAlignedBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        body(UnsafeRawBufferPointer(copy))
    }

    /// The elements, row-major.
    var elements: [Float] {
        bytes.withUnsafeBytes { bytes in
            (0..<rows * columns).map {
                layout.element(bytes, n: $0 / columns, k: $0 % columns, rows: rows, columns: columns)
            }
        }
    }
}
