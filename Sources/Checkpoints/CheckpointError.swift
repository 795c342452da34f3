/// An error for a checkpoint's folder, configuration or weights that cannot be used: one sentence that names the file
/// and the key or tensor, if there is one.
public struct CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
