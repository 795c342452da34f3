import Plans

/// Random weights of one format in packed form. A pool of some megabytes is drawn once, and every weight is filled from
/// it again and again: kernels take no longer for one number than for another, and gigabytes are filled at memory's speed.
struct RandomWeights {
    private let format: WeightFormat
    private let pool: [UInt8]

    /// A multiple of every format's unit, and more than second-level caches hold.
    private static let poolBytes = 8 << 20

    init(_ format: WeightFormat) {
        self.format = format
        // Any generator and seed would do; a fixed one makes runs alike. xorshift64* (Vigna, arXiv 1402.6246).
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_F491_4F6C_DD1D
        }
        var pool = [UInt8](repeating: 0, count: Self.poolBytes)
        pool.withUnsafeMutableBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                bytes.storeBytes(of: Self.bits(format, next()), toByteOffset: offset, as: UInt64.self)
            }
        }
        self.pool = pool
    }

    /// Makes of eight random bytes what eight bytes of a matrix look like: both signs, and magnitudes from 1/128 to
    /// 1/64, about those of a trained matrix some thousand columns wide.
    private static func bits(_ format: WeightFormat, _ random: UInt64) -> UInt64 {
        switch format {
        case .f32: random & 0x807F_FFFF_807F_FFFF | 0x3C00_0000_3C00_0000
        case .bf16: random & 0x807F_807F_807F_807F | 0x3C00_3C00_3C00_3C00
        }
    }

    /// The stored bytes of a weight. Columns and rows that only pad a matrix are filled as well: kernels multiply such
    /// columns by zeros and drop the results of such rows.
    func fill(_ weight: ScheduledWeight, _ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        if weight.rows == 1 && weight.format == .f32 {
            // Norms scale by one; a bias of one does no harm.
            return try [Float](repeating: 1, count: weight.columns).withUnsafeBytes(append)
        }
        var left = weight.byteCount ?? 0
        while left > 0 {
            let count = min(left, pool.count)
            try pool.withUnsafeBytes { try append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            left -= count
        }
    }
}
