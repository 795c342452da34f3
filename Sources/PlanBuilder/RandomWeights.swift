import Plans

/// Random weights of one format in packed form. A pool of some megabytes is drawn once, and every weight is filled from
/// it again and again: kernels take no longer for one number than for another, and gigabytes are filled at memory's speed.
///
/// Matrices have numbers of both signs, up to 1/64: about what a trained matrix some thousand columns wide has.
struct RandomWeights {
    private let format: WeightFormat
    private let pool: [UInt8]

    /// What one scale stands for where a format has scales: the largest code times it is about 1/64.
    private static let int8Scale = Float(0x1p-13)
    private static let int4Scale = Float(0x1p-9)

    init(_ format: WeightFormat) {
        self.format = format
        var random = Xorshift()
        switch format {
        // Random signs and mantissas behind the exponent of 1/128.
        case .f32: pool = Self.words(1 << 20) { random.next() & 0x807F_FFFF_807F_FFFF | 0x3C00_0000_3C00_0000 }
        case .bf16: pool = Self.words(1 << 20) { random.next() & 0x807F_807F_807F_807F | 0x3C00_3C00_3C00_3C00 }
        // Odd codes, since −128 is none.
        case .int8: pool = Self.words(1 << 20) { random.next() | 0x0101_0101_0101_0101 }
        case .int4: pool = Self.int4Blocks(1 << 13, &random)
        }
    }

    private static func words(_ count: Int, _ next: () -> UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 8)
        for _ in 0..<count { withUnsafeBytes(of: next().littleEndian) { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// Blocks of 32 outputs by 64 inputs: 1024 bytes of nibbles, which may be anything, and 64 scales in bf16.
    private static func int4Blocks(_ count: Int, _ random: inout Xorshift) -> [UInt8] {
        let scale = UInt16(int4Scale.bitPattern >> 16)
        let scales = (0..<64).flatMap { _ in [UInt8(scale & 0xFF), UInt8(scale >> 8)] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * (1024 + scales.count))
        for _ in 0..<count { bytes += words(1024 / 8) { random.next() } + scales }
        return bytes
    }

    /// The stored bytes of a weight. Columns and rows that only pad a matrix are filled as well: kernels multiply such
    /// columns by zeros and drop the results of such rows.
    func fill(_ weight: ScheduledWeight, _ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        if weight.rows == 1 && weight.format == .f32 {
            // Norms scale by one; a bias of one does no harm.
            return try [Float](repeating: 1, count: weight.columns).withUnsafeBytes(append)
        }
        let bytes = weight.byteCount ?? 0
        guard format == .int8 else { return try fill(bytes, append) }
        let scales = PackedInt8.scalesOffset(rows: weight.rows, columns: weight.columns)
        try fill(scales, append)
        try [Float](repeating: Self.int8Scale, count: (bytes - scales) / 4).withUnsafeBytes(append)
    }

    private func fill(_ bytes: Int, _ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        var left = bytes
        while left > 0 {
            let count = min(left, pool.count)
            try pool.withUnsafeBytes { try append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            left -= count
        }
    }
}

/// xorshift64* (Vigna, arXiv 1402.6246) from a fixed seed, so that runs are alike.
private struct Xorshift {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
