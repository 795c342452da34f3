/// A source of random numbers that are a function of (seed, purpose, position, step, element) and of nothing drawn
/// before. So a run repeats with any number of threads, any other sequences and any order of evaluation.
///
/// The generator is Philox-4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
/// (SC 2011, section 3.3): ten rounds of two 32 × 32 → 64 bit products on a counter of four words under a key of two.
/// The key is the seed; the counter holds element block, position, step and purpose.
public struct CounterRandom: Hashable, Sendable {
    /// The purpose of a random number. Distinct purposes are independent streams.
    public enum Purpose: UInt32, Sendable {
        /// The state a position starts from.
        case initialState = 1
        /// The fresh state mixed into a position at one step.
        case stateNoise = 2
        /// A random token placed ahead of the draft (headway).
        case headwayToken = 3
        /// The choice of a token from its probabilities.
        case tokenChoice = 4
    }

    public let seed: UInt64

    public init(seed: UInt64) { self.seed = seed }

    /// Four independent uniform words: element block `block` of the stream of (purpose, position, step).
    /// Only the low 32 bits of `position` and `step` count.
    public func words(_ purpose: Purpose, position: Int, step: Int, block: UInt32 = 0) -> SIMD4<UInt32> {
        let counter = SIMD4(
            block, UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: step), purpose.rawValue)
        return Self.philox(counter: counter, seed: seed)
    }

    /// A number in [0, 1) with 53 random bits.
    public func uniform(_ purpose: Purpose, position: Int, step: Int) -> Double {
        let word = words(purpose, position: position, step: step)
        let bits = UInt64(word[0]) << 32 | UInt64(word[1])
        return Double(bits >> 11) * 0x1p-53
    }

    /// A whole number in 0 ..< `bound` (0 if `bound` is not positive), biased by less than bound / 2⁶⁴.
    public func integer(below bound: Int, _ purpose: Purpose, position: Int, step: Int) -> Int {
        let word = words(purpose, position: position, step: step)
        let bits = UInt64(word[0]) << 32 | UInt64(word[1])
        return Int(bits.multipliedFullWidth(by: UInt64(max(bound, 1))).high)
    }

    /// One block of Philox-4x32-10.
    public static func philox(counter: SIMD4<UInt32>, seed: UInt64) -> SIMD4<UInt32> {
        var words = (
            Lanes(repeating: UInt64(counter[0])), Lanes(repeating: UInt64(counter[1])),
            Lanes(repeating: UInt64(counter[2])), Lanes(repeating: UInt64(counter[3]))
        )
        philox(&words, seed: seed)
        return SIMD4(
            UInt32(truncatingIfNeeded: words.0[0]), UInt32(truncatingIfNeeded: words.1[0]),
            UInt32(truncatingIfNeeded: words.2[0]), UInt32(truncatingIfNeeded: words.3[0]))
    }

    /// One word of each of several counters, in the low half of 64 bits, so that a product of two words fits.
    typealias Lanes = SIMD4<UInt64>

    /// Ten rounds over the counters in the lanes of `x`, in place.
    @inline(__always)
    static func philox(_ x: inout (Lanes, Lanes, Lanes, Lanes), seed: UInt64) {
        // The multipliers and the key's increments (golden ratio, √3 − 1) are those of the paper.
        let low = Lanes(repeating: 0xFFFF_FFFF)
        let shift = Lanes(repeating: 32)
        var key0 = UInt32(truncatingIfNeeded: seed)
        var key1 = UInt32(truncatingIfNeeded: seed >> 32)
        for _ in 0..<10 {
            let product0 = x.0 &* Lanes(repeating: 0xD251_1F53)
            let product1 = x.2 &* Lanes(repeating: 0xCD9E_8D57)
            x.0 = (product1 &>> shift) ^ x.1 ^ Lanes(repeating: UInt64(key0))
            x.1 = product1 & low
            x.2 = (product0 &>> shift) ^ x.3 ^ Lanes(repeating: UInt64(key1))
            x.3 = product0 & low
            key0 &+= 0x9E37_79B9
            key1 &+= 0xBB67_AE85
        }
    }
}
