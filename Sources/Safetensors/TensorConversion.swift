import Foundation

#if _endian(big)
    #error("safetensors files are little-endian, and tensors are read in place")
#endif

/// Exact conversions of stored numbers to f32. Every bf16 and f16 number, including infinities and NaNs, has an equal
/// f32.
public enum TensorConversion {
    /// Whether ``convert(_:from:into:)`` reads this type.
    public static func isSupported(_ type: StoredType) -> Bool {
        switch type {
        case .f32, .bf16, .f16: true
        default: false
        }
    }

    /// Converts as many elements as `output` holds. The source need not be aligned.
    /// - Precondition: `type` is supported and `source` has exactly the bytes of `output.count` elements; the callers
    ///   in this module check both against the file and report a failure as an error.
    static func convert(
        _ source: UnsafeRawBufferPointer, from type: StoredType, into output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(isSupported(type) && source.count == output.count * type.byteCount)
        guard let input = source.baseAddress, let floats = output.baseAddress, output.count > 0 else { return }
        // Plain counted loops over raw pointers: the compiler turns them into vector code.
        let count = output.count
        var index = 0
        switch type {
        case .bf16:
            while index < count {
                floats[index] = float(bfloat16: input.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
                index &+= 1
            }
        case .f16:
            while index < count {
                floats[index] = float(float16: input.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
                index &+= 1
            }
        default:
            memcpy(floats, input, source.count)
        }
    }

    /// The number whose upper 16 bits are given and whose lower ones are zero.
    @inline(__always)
    static func float(bfloat16 bits: UInt16) -> Float {
        Float(bitPattern: UInt32(bits) &<< 16)
    }

    /// IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 of fraction. Written out because the conversion
    /// instruction (F16C) is not on every x86-64, and without it the compiler calls a function per element.
    @inline(__always)
    static func float(float16 bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) &<< 16
        let magnitude = UInt32(bits & 0x7FFF)
        let exponent = magnitude &>> 10
        // The two biases, 127 and 15, differ by 112. An exponent of all ones has to become all ones again.
        let bias: UInt32 = exponent == 31 ? 255 - 31 : 127 - 15
        let normal = (magnitude &<< 13) &+ (bias &<< 23)
        // Below 2^-14 the number is the fraction in units of 2^-24, which f32 holds as a normal number.
        let subnormal = (Float(Int32(bitPattern: magnitude)) * 0x1p-24).bitPattern
        return Float(bitPattern: sign | (exponent == 0 ? subnormal : normal))
    }
}
