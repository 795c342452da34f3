/// Why a checkpoint's folder, configuration or weights cannot be used: one sentence that names the file and, where there is
/// one, the key or tensor.
public struct CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
