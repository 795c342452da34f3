// Rounding to bfloat16, the upper half of an f32: to nearest, ties to even. A NaN stays a NaN.

extension UInt32 {
    /// The bits of a float, rounded in the upper half. The lower half of the result has no meaning.
    @inline(__always)
    var roundedToBF16: UInt32 {
        // A NaN must stay one: its fraction may be all in the lower half.
        let isNaN = self & 0x7FFF_FFFF > 0x7F80_0000
        // Half of the last kept bit, less one unless that bit is odd; a carry into the exponent is the right one.
        return isNaN ? self | 0x40_0000 : self &+ 0x7FFF &+ (self &>> 16 & 1)
    }
}

extension Float {
    /// The nearest bf16 value.
    public var roundedToBF16: Float { Float(bf16: bf16Bits) }

    /// The bits of the nearest bf16 value.
    public var bf16Bits: UInt16 { UInt16(truncatingIfNeeded: bitPattern.roundedToBF16 &>> 16) }

    /// The value of a bf16 number, given by its bits.
    public init(bf16 bits: UInt16) { self.init(bitPattern: UInt32(bits) << 16) }
}
