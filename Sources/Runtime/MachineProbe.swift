import CExecutor
import NumberFormats

/// What the machine can do at most, measured now: other users of the machine show in it as they show in everything that
/// is compared with it.
public enum MachineProbe {
    /// The types of numbers whose products are measured. Sums are f32, or i32 for int8.
    public static let products = ElementType.allCases.filter { codes[$0] != nil }

    private static let codes: [ElementType: ech_probe_product] = [
        .f32: ECH_PROBE_F32, .bf16: ECH_PROBE_BF16, .int8: ECH_PROBE_INT8,
    ]

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
    public static func peak(_ product: ElementType, threads: Int, repeats: Int) throws -> Double {
        guard let code = codes[product] else { throw RuntimeError("There is no probe of products of \(product).") }
        let isa = try InstructionSet.chosen()
        return try reportingErrors { message in
            var rate = 0.0
            let threads = Int32(clamping: threads), repeats = Int32(clamping: repeats)
            return ech_probe_peak(isa, Int32(code.rawValue), threads, repeats, &rate, message) ? rate : nil
        }
    }
}
