import CExecutor
import NumberFormats

/// A measurement of the limits of the machine. Other users of the machine affect it in the same way as the runs that
/// are compared with it.
public enum MachineProbe {
    /// The formats of numbers whose products are measured. Sums are in f32, or in i32 for int8; those of int4
    /// are integers over 32 columns, and then in f32.
    public static let products = ElementType.allCases.filter { codes[$0] != nil }

    private static let codes: [ElementType: ech_probe_product] = [
        .f32: ECH_PROBE_F32, .bf16: ECH_PROBE_BF16, .int8: ECH_PROBE_INT8, .int4: ECH_PROBE_INT4,
    ]

    /// Measures the bandwidth of reading memory with `threads` threads, in GB/s: the median of `repeats` passes over a
    /// buffer of `bytes` bytes.
    /// - Throws: ``RuntimeError`` if the memory or the threads are not available.
    public static func readBandwidth(bytes: Int, threads: Int, repeats: Int) throws -> Double {
        try reportingErrors { message in
            var rate = 0.0
            let threads = Int32(clamping: threads), repeats = Int32(clamping: repeats)
            return ech_probe_read(Int64(bytes), threads, repeats, &rate, message) ? rate : nil
        }
    }

    /// Measures the speed of multiplying and adding in registers with `threads` threads, in TFLOP/s, where a
    /// multiplication and an addition are two operations. It uses the instruction set of the kernels: the best of the
    /// machine, or the one that `ECHELON_ISA` names.
    /// - Throws: ``RuntimeError`` if there is no probe of the product, or the machine does not support the instruction
    ///   set.
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
