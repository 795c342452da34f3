import CExecutor

/// How a model keeps keys and values between calls.
public enum CacheFormat: String, CaseIterable, Sendable {
    case f32
    /// Half the memory and bandwidth of ``f32``. Keys and values are rounded once, when they are written; attention
    /// computes in float32 all the same.
    case bf16

    var code: Int32 {
        switch self {
        case .f32: Int32(ECH_CACHE_F32.rawValue)
        case .bf16: Int32(ECH_CACHE_BF16.rawValue)
        }
    }
}
