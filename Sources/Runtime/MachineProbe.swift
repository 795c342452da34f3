import CExecutor
import Plans

/// What the machine can do at most, measured now: other users of the machine show in it as they show in everything that
/// is compared with it.
public enum MachineProbe {
    /// What is multiplied in a matrix product. Sums are f32, or i32 for int8.
    public enum Product: String, CaseIterable, Hashable, Sendable {
        case f32, bf16, int8

        fileprivate var value: Int32 {
            let value =
                switch self {
                case .f32: ECH_PROBE_F32
                case .bf16: ECH_PROBE_BF16
                case .int8: ECH_PROBE_INT8
                }
            return Int32(value.rawValue)
        }
    }

    /// How fast `threads` threads read memory, in GB/s: the median of `repeats` passes over a buffer of `bytes` bytes.
    public static func readBandwidth(bytes: Int, threads: Int, repeats: Int) throws -> Double {
        try reportingErrors { message in
            var rate = 0.0
            let threads = Int32(clamping: threads), repeats = Int32(clamping: repeats)
            return ech_probe_read(Int64(bytes), threads, repeats, &rate, message) ? rate : nil
        }
    }

    /// How many operations (a multiplication and an addition are two) `threads` threads do in registers, in TFLOP/s,
    /// with the instruction set that kernels use: the machine's best, or the one that `ECHELON_ISA` names.
    public static func peak(_ product: Product, threads: Int, repeats: Int) throws -> Double {
        let isa = try InstructionSet.chosen()
        return try reportingErrors { message in
            var rate = 0.0
            let threads = Int32(clamping: threads), repeats = Int32(clamping: repeats)
            return ech_probe_peak(isa, product.value, threads, repeats, &rate, message) ? rate : nil
        }
    }
}

extension WeightFormat {
    /// The product that kernels for weights of this format are made of.
    public var product: MachineProbe.Product {
        switch self {
        case .f32: .f32
        case .bf16: .bf16
        // Nibbles are unpacked to bytes on the way in.
        case .int8, .int4: .int8
        }
    }
}
