/// The destination of a file's bytes: a file on disk (``AtomicFile``) or memory (``MemoryImage``).
public protocol ByteSink: AnyObject {
    /// Adds bytes at the end.
    func append(_ bytes: UnsafeRawBufferPointer) throws

    /// Replaces bytes that were appended before.
    func overwrite(at offset: Int, with bytes: UnsafeRawBufferPointer) throws
}
