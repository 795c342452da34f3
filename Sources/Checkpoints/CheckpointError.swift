import Failures

/// A checkpoint's folder, configuration or weights cannot be used. The sentence names the file and, if there is one, the
/// key or tensor.
public typealias CheckpointError = Failure<Checkpoint>
