import Foundation

/// A safetensors file, open for reading: 8 bytes of header length, a JSON header, and the bytes of the tensors that the
/// header describes (https://github.com/huggingface/safetensors, "Format").
///
/// Opening checks the whole header against the file, so every tensor of an open file can be read: types are known,
/// ranges lie in the file, have the size of their shape, and together cover the data without overlaps or holes.
public struct SafetensorsFile: Sendable {
    /// The file itself. Keep it as long as pointers from ``unownedBytes(of:)`` are in use.
    public let file: MappedFile
    /// The header's `__metadata__`; empty if it has none.
    public let metadata: [String: String]
    /// The tensors in the order of their bytes.
    public let tensors: [StoredTensor]
    /// The start of the data section, in bytes from the start of the file. The header ends here.
    public let dataOffset: Int
    private let indices: [String: Int]

    /// Maps and checks the file at `path`.
    /// - Throws: ``FileError`` if it cannot be mapped, ``SafetensorsError`` if it is not a valid safetensors file.
    public init(path: String) throws {
        try self.init(MappedFile(path: path))
    }

    /// - Throws: ``SafetensorsError`` if the bytes are not a valid safetensors file.
    public init(_ file: MappedFile) throws {
        let (header, dataOffset) = try file.withUnsafeBytes { try Self.readHeader($0, file: file.name) }
        let tensors = try header.entries
            .map { try Self.check($0.key, $0.value, dataOffset: dataOffset, file: file) }
            .sorted(by: Self.isBefore)
        try Self.checkCoverage(tensors, dataOffset: dataOffset, file: file)

        self.file = file
        self.metadata = header.metadata
        self.tensors = tensors
        self.dataOffset = dataOffset
        indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    }

    /// - Returns: the header as stored, and its end.
    private static func readHeader(
        _ bytes: UnsafeRawBufferPointer, file: String
    ) throws -> (header: SafetensorsHeader, end: Int) {
        guard bytes.count >= SafetensorsHeader.prefix else {
            throw SafetensorsError(
                file: file,
                "is not a safetensors file: it has \(bytes.count) bytes, fewer than the 8 of a header length")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(SafetensorsHeader.longest) else {
            throw SafetensorsError(
                file: file,
                "is not a safetensors file: it declares a header of \(length) bytes, and the format allows "
                    + "\(SafetensorsHeader.longest)")
        }
        let end = SafetensorsHeader.prefix + Int(length)
        guard end <= bytes.count else {
            throw SafetensorsError(
                file: file,
                "is cut short or not a safetensors file: it declares a header of \(length) bytes and has "
                    + "\(bytes.count) in all")
        }
        let json = UnsafeRawBufferPointer(rebasing: bytes[SafetensorsHeader.prefix..<end])
        return (try SafetensorsHeader(json: json, file: file), end)
    }

    private static func check(
        _ name: String, _ entry: SafetensorsHeader.Entry, dataOffset: Int, file: MappedFile
    ) throws -> StoredTensor {
        func refuse(_ problem: String) -> SafetensorsError {
            SafetensorsError(file: file.name, "tensor \(quoted(name)) \(problem)")
        }
        let type = StoredType(rawValue: entry.dtype)
        let shape = entry.shape.map(\.value)
        guard shape.allSatisfy({ $0 >= 0 }) else {
            throw refuse("has a negative extent in its shape \(shape)")
        }
        // A tensor of a type that this reader does not know may have any size.
        let size = type.byteCount(ofShape: shape)
        guard StoredType.elementCount(ofShape: shape) != nil, size != nil || type.bitCount == nil else {
            throw refuse("has the shape \(shape), which is not a number of whole bytes that can be addressed")
        }
        guard entry.data_offsets.count == 2 else {
            throw refuse("has \(entry.data_offsets.count) data_offsets, and a begin and an end are needed")
        }
        let (begin, end) = (entry.data_offsets[0].value, entry.data_offsets[1].value)
        let available = file.count - dataOffset
        guard 0 <= begin, begin <= end else {
            throw refuse("has data_offsets [\(begin), \(end)], which is not a range of bytes")
        }
        guard end <= available else {
            throw refuse("ends at byte \(end) of \(available) bytes of data: the file is cut short or damaged")
        }
        if let size, end - begin != size {
            throw refuse("has \(end - begin) bytes, and \(type.rawValue) of shape \(shape) takes \(size)")
        }
        return StoredTensor(
            name: name, type: type, shape: shape, range: dataOffset + begin..<dataOffset + end)
    }

    /// Empty tensors come before the one that starts at the same place; names make the order deterministic.
    private static func isBefore(_ a: StoredTensor, _ b: StoredTensor) -> Bool {
        (a.range.lowerBound, a.range.upperBound, a.name) < (b.range.lowerBound, b.range.upperBound, b.name)
    }

    /// - Parameter tensors: sorted by ``isBefore(_:_:)``.
    private static func checkCoverage(_ tensors: [StoredTensor], dataOffset: Int, file: MappedFile) throws {
        var covered = dataOffset
        var previous: StoredTensor?
        for tensor in tensors {
            if tensor.range.lowerBound < covered {
                throw SafetensorsError(
                    file: file.name,
                    "tensor \(quoted(tensor.name)) overlaps tensor \(quoted(previous?.name ?? "")); the file is damaged"
                )
            }
            if tensor.range.lowerBound > covered {
                throw SafetensorsError(
                    file: file.name,
                    "\(tensor.range.lowerBound - covered) bytes before tensor \(quoted(tensor.name)) belong to no tensor; "
                        + "the file is damaged")
            }
            covered = tensor.range.upperBound
            previous = tensor
        }
        guard covered == file.count else {
            throw SafetensorsError(
                file: file.name,
                "the last \(file.count - covered) bytes belong to no tensor; the file is damaged")
        }
    }

    /// The tensor of that name; nil if there is none.
    public subscript(name: String) -> StoredTensor? {
        indices[name].map { tensors[$0] }
    }

    /// - Throws: ``SafetensorsError`` if no tensor has that name.
    public func tensor(named name: String) throws -> StoredTensor {
        guard let tensor = self[name] else {
            throw SafetensorsError(file: file.name, "has no tensor \(quoted(name))")
        }
        return tensor
    }

    /// Calls `body` with a tensor's bytes as stored, not necessarily aligned. They must not escape from it.
    /// - Throws: ``SafetensorsError`` if no tensor has that name, and any error of `body`.
    public func withUnsafeBytes<Result>(
        of name: String, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let tensor = try tensor(named: name)
        return try file.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[tensor.range])) }
    }

    /// The bytes of a tensor as a pointer; keep ``file`` as long as it is in use.
    /// - Throws: ``SafetensorsError`` if no tensor has that name.
    public func unownedBytes(of name: String) throws -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: file.unownedBytes[try tensor(named: name).range])
    }

    /// A whole tensor as f32, row-major.
    /// - Throws: ``SafetensorsError`` if no tensor has that name or ``TensorConversion`` cannot read its type.
    public func floats(_ name: String) throws -> [Float] {
        let tensor = try tensor(named: name)
        let conversion = try conversion(of: tensor)
        return try withUnsafeBytes(of: name) { bytes in
            [Float](unsafeUninitializedCapacity: tensor.elementCount) { buffer, count in
                count = tensor.elementCount
                conversion.convert(bytes, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    /// Some rows of a tensor as f32; see ``StoredTensor/rowCount``. Nothing is allocated.
    /// - Parameter output: exactly `rows.count` times ``StoredTensor/rowLength`` elements.
    /// - Throws: ``SafetensorsError`` if there is no such tensor, ``TensorConversion`` cannot read its type, the rows
    ///   are not all in the tensor, or `output` has another size.
    public func read(_ name: String, rows: Range<Int>, into output: UnsafeMutableBufferPointer<Float>) throws {
        let tensor = try tensor(named: name)
        let conversion = try conversion(of: tensor)
        guard rows.lowerBound >= 0, rows.upperBound <= tensor.rowCount else {
            throw SafetensorsError(
                file: file.name, "tensor \(quoted(name)) has \(tensor.rowCount) rows, and rows \(rows) were asked for")
        }
        guard output.count == rows.count * tensor.rowLength else {
            throw SafetensorsError(
                file: file.name,
                "tensor \(quoted(name)): \(rows.count) rows of \(tensor.rowLength) do not fit a buffer of \(output.count)"
            )
        }
        let stride = tensor.rowLength * conversion.byteCount
        try withUnsafeBytes(of: name) { bytes in
            let part = UnsafeRawBufferPointer(rebasing: bytes[rows.lowerBound * stride..<rows.upperBound * stride])
            conversion.convert(part, into: output)
        }
    }

    /// Releases the pages of some rows of a tensor; see ``MappedFile/release(_:)``.
    /// - Parameter rows: rows that the tensor lacks are ignored.
    public func release(_ rows: Range<Int>, of tensor: StoredTensor) {
        let rows = rows.clamped(to: 0..<tensor.rowCount)
        let stride = tensor.range.count / max(1, tensor.rowCount)
        let start = tensor.range.lowerBound
        file.release(start + rows.lowerBound * stride..<start + rows.upperBound * stride)
    }

    private func conversion(of tensor: StoredTensor) throws -> TensorConversion {
        guard let conversion = TensorConversion(from: tensor.type) else {
            throw SafetensorsError(
                file: file.name,
                "tensor \(quoted(tensor.name)) has the element type \(tensor.type.rawValue), and one of "
                    + "\(TensorConversion.names) is needed")
        }
        return conversion
    }

    /// The place of a metadata value's text in the file, for checksums that skip their own place.
    /// - Returns: nil if there is no such key, or if its text in the file is not the value itself between quotes right
    ///   after `"key":`, as ``SafetensorsLayout`` writes it.
    public func range(ofMetadata key: String) -> Range<Int>? {
        guard let value = metadata[key] else { return nil }
        return file.withUnsafeBytes {
            MetadataText.range(of: value, key: key, in: UnsafeRawBufferPointer(rebasing: $0[..<dataOffset]))
        }
    }
}
