/// The generator of random weights: xorshift64* (Vigna, arXiv 1402.6246) from a fixed seed, so that every run has the same
/// weights.
public struct Xorshift: Sendable {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    public init() {}

    public mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// The bytes of `count` random words, each of which is cleared of the bits that `kept` lacks and given those of `set`.
    mutating func bytes(words count: Int, keeping kept: UInt64 = .max, setting set: UInt64 = 0) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count * 8) { bytes, used in
            for word in 0..<count {
                UnsafeMutableRawBufferPointer(bytes).storeBytes(
                    of: (next() & kept | set).littleEndian, toByteOffset: word * 8, as: UInt64.self)
            }
            used = count * 8
        }
    }
}
