/// The memory that a position takes in all caches together.
public struct InspectedCacheMemory: Codable, Hashable, Sendable {
    /// The format of keys and values, as `--cache-format` takes it.
    public var format: String
    /// Whether a command uses this format if none is given.
    public var isDefault: Bool
    /// The number of entries of a position in each recurrent cache.
    public var budget: Int
    /// The size in bytes.
    public var bytesPerPosition: Int

    public init(format: String, isDefault: Bool, budget: Int, bytesPerPosition: Int) {
        self.format = format
        self.isDefault = isDefault
        self.budget = budget
        self.bytesPerPosition = bytesPerPosition
    }
}
