import Foundation

/// A safetensors file, open for reading: 8 bytes of header length, a JSON header, and the tensors' bytes, which the header
/// describes (https://github.com/huggingface/safetensors, "Format").
///
/// Opening checks the whole header against the file, so that every tensor of an open file can be read: types are known,
/// ranges lie in the file, have the size of their shape, and together cover the data without overlaps or holes.
public struct SafetensorsFile: Sendable {
    /// Keep this alive as long as pointers from ``unownedBytes(of:)`` are in use.
    public let file: MappedFile
    /// The header's `__metadata__`; empty when there is none.
    public let metadata: [String: String]
    /// In the order of their bytes.
    public let tensors: [StoredTensor]
    /// Where the data section starts, in bytes from the start of the file. The header ends here.
    public let dataOffset: Int
    private let indices: [String: Int]

    /// Maps and checks the file at `path`.
    /// - Throws: ``FileError`` when it cannot be mapped, ``SafetensorsError`` when it is not a sound safetensors file.
    public init(path: String) throws {
        try self.init(MappedFile(path: path))
    }

    /// - Throws: ``SafetensorsError`` when the bytes are not a sound safetensors file.
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

    /// - Returns: the header as it stands there, and where it ends.
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
        guard let type = StoredType(rawValue: entry.dtype) else {
            throw refuse("has the unknown element type \(quoted(entry.dtype))")
        }
        let shape = entry.shape.map(\.value)
        guard shape.allSatisfy({ $0 >= 0 }) else {
            throw refuse("has a negative extent in its shape \(shape)")
        }
        guard let size = type.byteCount(ofShape: shape) else {
            throw refuse("has the shape \(shape), more elements than can be addressed")
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
        guard end - begin == size else {
            throw refuse(
                "has \(end - begin) bytes, and \(type.rawValue) of shape \(shape) takes \(size)")
        }
        return StoredTensor(
            name: name, type: type, shape: shape, range: dataOffset + begin..<dataOffset + end)
    }

    /// Empty tensors come before the one that starts where they do; names make the order the same every time.
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

    /// The tensor of that name, or nil.
    public subscript(name: String) -> StoredTensor? {
        indices[name].map { tensors[$0] }
    }

    /// - Throws: ``SafetensorsError`` when there is none of that name.
    public func tensor(named name: String) throws -> StoredTensor {
        guard let tensor = self[name] else {
            throw SafetensorsError(file: file.name, "has no tensor \(quoted(name))")
        }
        return tensor
    }

    /// Gives `body` a tensor's bytes as they are stored, not necessarily aligned. It must not let them escape.
    /// - Throws: ``SafetensorsError`` when there is none of that name, and what `body` throws.
    public func withUnsafeBytes<Result>(
        of name: String, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let tensor = try tensor(named: name)
        return try file.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[tensor.range])) }
    }

    /// The same for those who keep the pointer, and ``file`` as long as it is in use.
    /// - Throws: ``SafetensorsError`` when there is none of that name.
    public func unownedBytes(of name: String) throws -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: file.unownedBytes[try tensor(named: name).range])
    }

    /// A whole tensor as f32, row-major.
    /// - Throws: ``SafetensorsError`` when there is none of that name or its type is not F32, BF16 or F16.
    public func floats(_ name: String) throws -> [Float] {
        let tensor = try tensor(named: name)
        try checkConvertible(tensor)
        return try withUnsafeBytes(of: name) { bytes in
            [Float](unsafeUninitializedCapacity: tensor.elementCount) { buffer, count in
                count = tensor.elementCount
                TensorConversion.convert(
                    bytes, from: tensor.type, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    /// Some rows of a tensor as f32; see ``StoredTensor/rowCount``. Nothing is allocated.
    /// - Parameter output: exactly `rows.count` times ``StoredTensor/rowLength`` elements.
    /// - Throws: ``SafetensorsError`` when there is no such tensor, its type is not F32, BF16 or F16, the rows are not all
    ///   in the tensor, or `output` has another size.
    public func read(_ name: String, rows: Range<Int>, into output: UnsafeMutableBufferPointer<Float>) throws {
        let tensor = try tensor(named: name)
        try checkConvertible(tensor)
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
        let stride = tensor.rowLength * tensor.type.byteCount
        try withUnsafeBytes(of: name) { bytes in
            let part = UnsafeRawBufferPointer(rebasing: bytes[rows.lowerBound * stride..<rows.upperBound * stride])
            TensorConversion.convert(part, from: tensor.type, into: output)
        }
    }

    /// Lets some rows of a tensor leave memory; see ``MappedFile/release(_:)``.
    /// - Parameter rows: what is not in the tensor is ignored.
    public func release(_ rows: Range<Int>, of tensor: StoredTensor) {
        let rows = rows.clamped(to: 0..<tensor.rowCount)
        let stride = tensor.rowLength * tensor.type.byteCount
        let start = tensor.range.lowerBound
        file.release(start + rows.lowerBound * stride..<start + rows.upperBound * stride)
    }

    private func checkConvertible(_ tensor: StoredTensor) throws {
        guard TensorConversion.isSupported(tensor.type) else {
            throw SafetensorsError(
                file: file.name,
                "tensor \(quoted(tensor.name)) has the element type \(tensor.type.rawValue), and F32, BF16 or F16 is needed"
            )
        }
    }

    /// Where a metadata value's text lies in the file, for checksums that leave their own place out.
    /// - Returns: nil when there is no such key, or when its text in the file is not the value itself between quotes right
    ///   after `"key":`, as ``SafetensorsLayout`` writes it.
    public func range(ofMetadata key: String) -> Range<Int>? {
        guard let value = metadata[key] else { return nil }
        return file.withUnsafeBytes {
            MetadataText.range(of: value, key: key, in: UnsafeRawBufferPointer(rebasing: $0[..<dataOffset]))
        }
    }
}
