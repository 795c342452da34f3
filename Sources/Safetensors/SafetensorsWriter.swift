/// Writes a safetensors file from front to back: the header of a ``SafetensorsLayout`` at once, then the tensors in the
/// order of their declaration, each in as many pieces as suits the caller. Fillers are written on the way.
///
/// Most callers want ``write(_:to:observing:_:)`` or ``image(_:name:observing:_:)``, which see the file through.
public final class SafetensorsWriter {
    public let layout: SafetensorsLayout
    private let sink: any ByteSink
    private let observe: ((UnsafeRawBufferPointer) -> Void)?
    /// The tensor being written.
    private var current = 0
    private var offset = 0

    /// Writes the header to `sink`.
    /// - Parameter observer: sees every byte of the file once and in order, as it is appended; for checksums. What
    ///   ``replaceMetadata(_:with:)`` changes later it has seen as it was before.
    /// - Throws: what the sink throws.
    public init(
        _ layout: SafetensorsLayout, to sink: any ByteSink,
        observing observer: ((UnsafeRawBufferPointer) -> Void)? = nil
    ) throws {
        self.layout = layout
        self.sink = sink
        observe = observer
        try layout.header.withUnsafeBytes(put)
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws {
        try sink.append(bytes)
        observe?(bytes)
        offset += bytes.count
    }

    /// Passes over what is complete, and over fillers, which it writes.
    private func advance() throws {
        while current < layout.tensors.count {
            let end = layout.tensors[current].range.upperBound
            if layout.fillers.contains(current) {
                try [UInt8](repeating: 0, count: end - offset).withUnsafeBytes(put)
            }
            guard offset == end else { return }
            current += 1
        }
    }

    /// Adds the next bytes of tensor `name`.
    /// - Throws: ``SafetensorsError`` when it is another tensor's turn or these are more bytes than the tensor has left,
    ///   and what the sink throws.
    public func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws {
        // Nothing to write is never out of turn: an empty tensor is passed over before its caller comes to it.
        if bytes.isEmpty { return }
        try advance()
        guard current < layout.tensors.count else {
            throw SafetensorsError("Tensor \(quoted(name)) cannot be written: all tensors are complete")
        }
        let turn = layout.tensors[current]
        guard turn.name == name else {
            throw SafetensorsError("Tensor \(quoted(name)) cannot be written: it is the turn of \(quoted(turn.name))")
        }
        let left = turn.range.upperBound - offset
        guard bytes.count <= left else {
            throw SafetensorsError(
                "Tensor \(quoted(name)) has \(left) bytes left to write, and \(bytes.count) were given")
        }
        try put(bytes)
    }

    /// Changes a metadata value that was declared with a placeholder, for what is known only once the data is, such as
    /// its checksum.
    /// - Parameter value: as many UTF-8 bytes as the placeholder; neither may have characters that JSON escapes.
    /// - Throws: ``SafetensorsError`` when there is no such key or the value does not fit, and what the sink throws.
    public func replaceMetadata(_ key: String, with value: String) throws {
        guard let range = layout.range(ofMetadata: key) else {
            throw SafetensorsError("The header has no metadata \(quoted(key)) that can be replaced")
        }
        let spelled = MetadataText.json(value)
        guard spelled.count == value.utf8.count + 2, value.utf8.count == range.count else {
            throw SafetensorsError(
                "The metadata \(quoted(key)) takes \(range.count) bytes that need no escape, and \(quoted(value)) was given"
            )
        }
        try Array(value.utf8).withUnsafeBytes { try sink.overwrite(at: range.lowerBound, with: $0) }
    }

    /// Checks that nothing is missing.
    /// - Throws: ``SafetensorsError`` that names the first tensor that is incomplete.
    public func finish() throws {
        try advance()
        guard current == layout.tensors.count else {
            let tensor = layout.tensors[current]
            throw SafetensorsError(
                "Tensor \(quoted(tensor.name)) is incomplete: \(tensor.range.upperBound - offset) of its "
                    + "\(tensor.range.count) bytes were not written")
        }
    }

    /// Writes a file, which appears under `path` only when it is complete; after an error nothing is left of it.
    /// - Parameters:
    ///   - observer: see ``init(_:to:observing:)``.
    ///   - body: appends all tensors. It may call ``finish()`` to have everything observed, and then replace metadata.
    /// - Throws: ``FileError``, ``SafetensorsError``, and what `body` throws.
    public static func write(
        _ layout: SafetensorsLayout, to path: String, observing observer: ((UnsafeRawBufferPointer) -> Void)? = nil,
        _ body: (SafetensorsWriter) throws -> Void
    ) throws {
        let file = try AtomicFile(path: path, reserving: layout.byteCount)
        let writer = try SafetensorsWriter(layout, to: file, observing: observer)
        try body(writer)
        try writer.finish()
        try file.commit()
    }

    /// The same bytes in memory instead of a file.
    /// - Parameter name: what messages call them.
    /// - Throws: ``FileError`` when there is not enough memory, ``SafetensorsError``, and what `body` throws.
    public static func image(
        _ layout: SafetensorsLayout, name: String, observing observer: ((UnsafeRawBufferPointer) -> Void)? = nil,
        _ body: (SafetensorsWriter) throws -> Void
    ) throws -> MappedFile {
        let image = try MemoryImage(name: name, byteCount: layout.byteCount)
        let writer = try SafetensorsWriter(layout, to: image, observing: observer)
        try body(writer)
        try writer.finish()
        return try image.finish()
    }
}
