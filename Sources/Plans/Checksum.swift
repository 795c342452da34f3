/// A 64-bit checksum that runs at memory speed. It protects against damage, not against forgery. Every step is a bijection
/// of its lane, so a change of any one word always changes the result.
///
/// The bytes, zero-padded to a multiple of 64, are words of 8 little-endian bytes dealt to eight lanes in turn, which the
/// processor works on at the same time.
public struct Checksum {
    /// 2⁶⁴ divided by the golden ratio, made odd: the usual multiplier of Fibonacci hashing.
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
    private static let lanes = 8
    private static let blockSize = 64

    private var state: SIMD8<UInt64>
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    public init() {
        state = SIMD8((0..<UInt64(Self.lanes)).map { ($0 + 1) &* Self.multiplier })
        pending.reserveCapacity(Self.blockSize)
    }

    /// Adds bytes. The result does not depend on how all bytes are divided into calls.
    public mutating func add(_ bytes: UnsafeRawBufferPointer) {
        length &+= UInt64(bytes.count)
        var rest = bytes[...]
        if !pending.isEmpty {
            let missing = min(Self.blockSize - pending.count, rest.count)
            pending += rest.prefix(missing)
            rest = rest.dropFirst(missing)
            guard pending.count == Self.blockSize else { return }
            pending.withUnsafeBytes { mixBlocks($0[...]) }
            pending.removeAll(keepingCapacity: true)
        }
        let whole = rest.count / Self.blockSize * Self.blockSize
        mixBlocks(rest.prefix(whole))
        pending += rest.dropFirst(whole)
    }

    private mutating func mixBlocks(_ bytes: Slice<UnsafeRawBufferPointer>) {
        let words = UnsafeRawBufferPointer(rebasing: bytes)
        var lanes = state
        for block in stride(from: 0, to: words.count, by: Self.blockSize) {
            let data = words.loadUnaligned(fromByteOffset: block, as: SIMD8<UInt64>.self)
            let mixed = lanes ^ data
            lanes = ((mixed &<< 29) | (mixed &>> 35)) &* Self.multiplier
        }
        state = lanes
    }

    /// The checksum of all bytes so far.
    public func value() -> UInt64 {
        var copy = self
        if !pending.isEmpty {
            let padded = pending + [UInt8](repeating: 0, count: Self.blockSize - pending.count)
            padded.withUnsafeBytes { copy.mixBlocks($0[...]) }
        }
        var result = length
        for lane in 0..<Self.lanes {
            let mixed = result ^ copy.state[lane]
            result = ((mixed &<< 31) | (mixed &>> 33)) &* Self.multiplier
        }
        return result ^ (result &>> 32)
    }

    /// The value as in a plan file: 16 hexadecimal digits.
    public var text: String { Self.text(value()) }

    static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
