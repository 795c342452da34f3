import NumberFormats

/// The format in which a model keeps keys and values between calls.
public enum CacheFormat: String, CaseIterable, Codable, Sendable {
    case f32
    /// A format with half the memory and bandwidth of ``f32``. Keys and values are rounded once, when they are written.
    /// Attention rounds its queries and weights to match, and adds in float32.
    case bf16

    /// The element type of the numbers.
    public var element: ElementType {
        switch self {
        case .f32: .f32
        case .bf16: .bf16
        }
    }

    /// The size of one number of a key or value, in bytes.
    public var bytesPerElement: Int { element.rows?.contentBytes(width: 1) ?? 0 }

    /// The executor's number, which refuses a format that it does not know.
    var code: Int32 { ExecutorNumbers.cacheFormats[rawValue] ?? -1 }
}
