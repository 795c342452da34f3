import NumberFormats
import Plans

/// Random weights of one format in packed form. A pool of some megabytes is drawn once, and every weight is filled from it
/// again and again: kernels take no longer for one number than for another, and gigabytes are filled at memory's speed.
struct RandomWeights {
    private let layout: any WeightLayout.Type
    private let pool: [UInt8]

    init(_ layout: any WeightLayout.Type) {
        self.layout = layout
        var random = Xorshift()
        pool = layout.randomStrips(&random)
    }

    /// The stored bytes of a weight. Columns and rows that only pad a matrix are filled as well: kernels multiply such
    /// columns by zeros and drop the results of such rows.
    func fill(_ weight: ScheduledWeight, _ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        if weight.isVector {
            // Norms scale by one; a bias of one does no harm.
            return try [Float](repeating: 1, count: weight.columns).withUnsafeBytes(append)
        }
        let outputs = (weight.rows + layout.stripOutputs - 1) / layout.stripOutputs * layout.stripOutputs
        var left = (weight.byteCount ?? 0) - outputs * layout.trailingBytes
        while left > 0 {
            let count = min(left, pool.count)
            try pool.withUnsafeBytes { try append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            left -= count
        }
        if layout.trailingBytes > 0 {
            try Array(repeatElement(layout.randomTrailer, count: outputs).joined()).withUnsafeBytes(append)
        }
    }
}
