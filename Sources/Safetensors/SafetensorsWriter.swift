/// A writer of a safetensors file from front to back: first the header of a ``SafetensorsLayout``, then the tensors in
/// the order of their declaration, each in any number of pieces. Fillers are written automatically.
///
/// Most callers want ``write(_:to:observing:_:)`` or ``image(_:name:observing:_:)``, which write a whole file.
public final class SafetensorsWriter {
    public let layout: SafetensorsLayout
    private let sink: any ByteSink
    private let observe: ((UnsafeRawBufferPointer) -> Void)?
    /// The tensor being written.
    private var current = 0
    private var offset = 0

    /// Writes the header to `sink`.
    /// - Parameter observer: called with every byte of the file once and in order, as it is appended; for checksums.
    ///   Bytes that ``replaceMetadata(_:with:)`` changes later are passed as they were before.
    /// - Throws: any error of the sink.
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

    /// Advances past complete tensors and writes fillers.
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
    /// - Throws: ``SafetensorsError`` if it is another tensor's turn or these are more bytes than the tensor has left,
    ///   and any error of the sink.
    public func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws {
        // Zero bytes are always accepted: the writer has advanced past an empty tensor before its caller appends it.
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

    /// Replaces the placeholder of a metadata value that is known only after the data, such as its checksum.
    /// - Parameter value: as many UTF-8 bytes as the placeholder; neither may have characters that JSON escapes.
    /// - Throws: ``SafetensorsError`` if there is no such key or the value does not fit, and any error of the sink.
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

    /// Checks that every tensor is complete.
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

    /// Writes a file, which appears under `path` only if it is complete; an error leaves nothing behind.
    /// - Parameters:
    ///   - observer: see ``init(_:to:observing:)``.
    ///   - body: appends all tensors. It may call ``finish()`` so that every byte has been observed, and then replace
    ///     metadata.
    /// - Throws: ``FileError``, ``SafetensorsError``, and any error of `body`.
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

    /// Writes the same bytes to memory instead of a file.
    /// - Parameter name: their name in messages.
    /// - Throws: ``FileError`` if there is not enough memory, ``SafetensorsError``, and any error of `body`.
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
