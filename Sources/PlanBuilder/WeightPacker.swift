import Checkpoints
import Plans

/// Converts one tensor of a checkpoint to a weight of a plan, a few megabytes at a time.
struct WeightPacker {
    let weight: ScheduledWeight
    let tensor: CheckpointTensor
    /// The columns of the tensor that the weight consists of; nil for all.
    let columns: Range<Int>?

    /// What is converted at once: enough to keep the system calls rare, little enough to stay in a cache.
    private static let floatsAtOnce = 1 << 20

    init(_ weight: ScheduledWeight, tensor: CheckpointTensor, columns: Range<Int>?) {
        self.weight = weight
        self.tensor = tensor
        self.columns = columns
    }

    func pack(_ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        // A bias of several extents is one vector: its rows follow each other.
        if weight.rows == 1 && tensor.stored.rowCount != 1 && weight.format == .f32 {
            return try tensor.floats().withUnsafeBytes(append)
        }
        let length = tensor.stored.rowLength
        let block = PackedBF16.block
        let rowsAtOnce = max(block, Self.floatsAtOnce / max(1, length) / block * block)
        var floats = [Float](repeating: 0, count: rowsAtOnce * length)
        var start = 0
        while start < weight.rows {
            let rows = start..<min(start + rowsAtOnce, weight.rows)
            try floats.withUnsafeMutableBufferPointer { buffer in
                try tensor.read(rows: rows, into: UnsafeMutableBufferPointer(rebasing: buffer[..<(rows.count * length)]))
            }
            if let columns { keep(columns, of: &floats, rows: rows.count, length: length) }
            switch weight.format {
            case .f32: try floats.prefix(rows.count * weight.columns).withUnsafeBytes(append)
            case .bf16: try packStrips(floats, rows: rows.count, append)
            }
            start = rows.upperBound
        }
    }

    /// Moves the wanted columns of every row together.
    private func keep(_ columns: Range<Int>, of floats: inout [Float], rows: Int, length: Int) {
        for row in 0..<rows {
            for (index, column) in columns.enumerated() {
                floats[row * columns.count + index] = floats[row * length + column]
            }
        }
    }

    private func packStrips(_ floats: [Float], rows: Int, _ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        let block = PackedBF16.block
        let stripElements = PackedBF16.stripElements(columns: weight.columns)
        let strips = (rows + block - 1) / block
        var packed = [UInt16](repeating: 0, count: strips * stripElements)
        packed.withUnsafeMutableBufferPointer { packed in
            floats.withUnsafeBufferPointer { floats in
                for strip in 0..<strips {
                    let count = min(block, rows - strip * block)
                    PackedBF16.packStrip(
                        UnsafeBufferPointer(rebasing: floats[(strip * block * weight.columns)...]), rows: count,
                        columns: weight.columns,
                        into: UnsafeMutableBufferPointer(
                            rebasing: packed[strip * stripElements..<(strip + 1) * stripElements]))
                }
            }
        }
        try packed.withUnsafeBytes(append)
    }
}
