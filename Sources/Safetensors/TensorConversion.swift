import Foundation

#if _endian(big)
    #error("safetensors files are little-endian, and tensors are read in place")
#endif

/// A conversion of stored numbers to f32. It is exact, but for F64, which is rounded to the nearest f32.
public enum TensorConversion: String, CaseIterable, Sendable {
    case f64 = "F64"
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"
    case e4m3 = "F8_E4M3"
    case e5m2 = "F8_E5M2"
    case e4m3fnuz = "F8_E4M3FNUZ"
    case e5m2fnuz = "F8_E5M2FNUZ"
    case e8m0 = "F8_E8M0"

    /// - Returns: nil for a type that is not a float of whole bytes.
    public init?(from type: StoredType) { self.init(rawValue: type.rawValue) }

    /// The names of all types that can be read, for messages.
    public static let names = allCases.map(\.rawValue).joined(separator: ", ")

    /// The number of bytes of an element.
    public var byteCount: Int {
        switch self {
        case .f64: 8
        case .f32: 4
        case .f16, .bf16: 2
        case .e4m3, .e5m2, .e4m3fnuz, .e5m2fnuz, .e8m0: 1
        }
    }

    /// Converts as many elements as `output` holds. The source need not be aligned.
    /// - Precondition: `source` has exactly the bytes of `output.count` elements; the callers in this module check that
    ///   against the file and report a failure as an error.
    func convert(_ source: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Float>) {
        precondition(source.count == output.count * byteCount)
        guard let input = source.baseAddress, let floats = output.baseAddress, output.count > 0 else { return }
        // Plain counted loops over raw pointers: the compiler turns them into vector code.
        let count = output.count
        var index = 0
        switch self {
        case .bf16:
            while index < count {
                floats[index] = Self.float(bfloat16: input.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
                index &+= 1
            }
        case .f16:
            while index < count {
                floats[index] = Self.float(float16: input.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
                index &+= 1
            }
        case .f32:
            memcpy(floats, input, source.count)
        case .f64:
            while index < count {
                floats[index] = Float(input.loadUnaligned(fromByteOffset: 8 &* index, as: Double.self))
                index &+= 1
            }
        case .e4m3, .e5m2, .e4m3fnuz, .e5m2fnuz, .e8m0:
            let values = (0...UInt8.max).map(float8)
            while index < count {
                floats[index] = values[Int(source[index])]
                index &+= 1
            }
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

    /// The number that a byte stands for: the 8-bit formats of the Open Compute Project (OCP 8-bit floating point
    /// specification, section 5; microscaling formats, section 5.4) and the FNUZ formats (arXiv 2206.02915), which have
    /// no infinities and one NaN, where the others have minus zero.
    private func float8(_ bits: UInt8) -> Float {
        /// A sign, an exponent and `fractionBits` of fraction.
        func number(fractionBits: Int, bias: Int) -> Float {
            let fraction = Float(bits & (1 << fractionBits - 1)) / Float(1 << fractionBits)
            let exponent = Int(bits & 0x7F) >> fractionBits
            let magnitude = exponent == 0 ? fraction : 1 + fraction
            return Float(
                sign: bits & 0x80 == 0 ? .plus : .minus, exponent: max(exponent, 1) - bias, significand: magnitude)
        }
        return switch self {
        case .e4m3: bits & 0x7F == 0x7F ? .nan : number(fractionBits: 3, bias: 7)
        case .e5m2: Self.float(float16: UInt16(bits) << 8)
        case .e4m3fnuz: bits == 0x80 ? .nan : number(fractionBits: 3, bias: 8)
        case .e5m2fnuz: bits == 0x80 ? .nan : number(fractionBits: 2, bias: 16)
        case .e8m0: bits == 0xFF ? .nan : Float(sign: .plus, exponent: Int(bits) - 127, significand: 1)
        case .f64, .f32, .f16, .bf16: .nan
        }
    }
}
