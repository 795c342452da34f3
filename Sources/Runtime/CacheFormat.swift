import CExecutor
import Plans

/// The format in which a model keeps keys and values between calls. They are rounded once, when they are written, so
/// every reader sees the same numbers.
public enum CacheFormat: String, CaseIterable, Codable, Sendable {
    case f32
    /// A format with half the memory and bandwidth of ``f32``. Attention rounds its queries and weights to match, and
    /// adds in float32.
    case bf16
    /// A format with half the memory and bandwidth of ``bf16``: integers from −127 to 127, with a scale for the key and
    /// one for the value of each position and head. Attention multiplies and adds in float32.
    case int8

    /// The size of one entry of a position in a cache, keys, values and scales together, in bytes; 0 if the cache's sizes
    /// are out of range.
    public func entryBytes(of cache: ScheduledCache) -> Int {
        guard var cache = try? ech_cache(cache) else { return 0 }
        return Int(ech_cache_entry_bytes(&cache, code))
    }

    /// The executor's number, which refuses a format that it does not know.
    var code: Int32 { ExecutorNumbers.cacheFormats[rawValue] ?? -1 }
}
