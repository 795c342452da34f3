/// The layout of a safetensors file, down to the byte, before any of its data is known: the header, and the place of
/// every tensor. The same declarations always give the same bytes.
public struct SafetensorsLayout: Sendable {
    /// A tensor to be stored.
    public struct Declaration: Hashable, Sendable {
        public var name: String
        public var type: StoredType
        /// The row-major extents; empty for a scalar.
        public var shape: [Int]

        public init(_ name: String, _ type: StoredType, _ shape: [Int]) {
            self.name = name
            self.type = type
            self.shape = shape
        }
    }

    /// The bytes before the data: the length, the JSON, and the spaces that align the data.
    public let header: [UInt8]
    /// The tensors in file order, including fillers.
    public let tensors: [StoredTensor]
    /// The size of the whole file in bytes.
    public let byteCount: Int
    /// The indices of the fillers among the tensors.
    let fillers: Set<Int>
    private let metadata: [String: String]

    /// The prefix of the names of fillers. They align tensors, because the format allows no bytes outside of tensors.
    public static let fillerPrefix = "padding."

    /// - Parameters:
    ///   - tensors: in the order in which they are written.
    ///   - metadata: the header's `__metadata__`, written in the order of the keys.
    ///   - dataAlignment: the data starts at a multiple of this many bytes from the start of the file.
    ///   - tensorAlignment: every tensor begins at a multiple of this many bytes; a U8 tensor `padding.N` fills the gap
    ///     before it. Has to divide `dataAlignment`.
    /// - Throws: ``SafetensorsError`` if a name occurs twice or is reserved, a shape is negative or too large, or the
    ///   header would be longer than the format allows.
    public init(
        _ tensors: [Declaration], metadata: [String: String] = [:], dataAlignment: Int = 8, tensorAlignment: Int = 1
    ) throws {
        guard dataAlignment > 0, tensorAlignment > 0, dataAlignment % tensorAlignment == 0 else {
            throw SafetensorsError(
                "A tensor alignment of \(tensorAlignment) bytes cannot be had with a data alignment of \(dataAlignment); "
                    + "the second has to be a multiple of the first")
        }
        let (placed, fillers, dataSize) = try Self.place(tensors, alignment: tensorAlignment)
        var header = Self.json(placed, metadata)
        let unaligned = (SafetensorsHeader.prefix + header.count) % dataAlignment
        if unaligned > 0 {
            header += repeatElement(UInt8(ascii: " "), count: dataAlignment - unaligned)
        }
        guard header.count <= SafetensorsHeader.longest else {
            throw SafetensorsError(
                "The tensor names and metadata take \(header.count) bytes, and the safetensors format allows "
                    + "\(SafetensorsHeader.longest)")
        }
        header = withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header
        let (total, overflow) = header.count.addingReportingOverflow(dataSize)
        guard !overflow else { throw Self.tooLarge }

        self.header = header
        self.metadata = metadata
        self.fillers = fillers
        byteCount = total
        self.tensors = placed.map {
            StoredTensor(
                name: $0.name, type: $0.type, shape: $0.shape,
                range: header.count + $0.range.lowerBound..<header.count + $0.range.upperBound)
        }
    }

    private static var tooLarge: SafetensorsError {
        SafetensorsError("The tensors together are larger than a file can be")
    }

    /// These ranges count from the start of the data.
    private static func place(
        _ declarations: [Declaration], alignment: Int
    ) throws -> (tensors: [StoredTensor], fillers: Set<Int>, size: Int) {
        var placed: [StoredTensor] = []
        var names: Set<String> = [SafetensorsHeader.metadataKey]
        var offset = 0
        func add(_ declaration: Declaration) throws {
            guard names.insert(declaration.name).inserted else {
                throw SafetensorsError("The tensor name \(quoted(declaration.name)) is reserved or declared twice")
            }
            guard let size = declaration.type.byteCount(ofShape: declaration.shape) else {
                throw SafetensorsError(
                    "Tensor \(quoted(declaration.name)) cannot be stored: its shape \(declaration.shape) has a negative "
                        + "extent or more bytes than can be addressed")
            }
            let (end, overflow) = offset.addingReportingOverflow(size)
            guard !overflow else { throw tooLarge }
            placed.append(
                StoredTensor(
                    name: declaration.name, type: declaration.type, shape: declaration.shape, range: offset..<end))
            offset = end
        }
        var fillers: Set<Int> = []
        for declaration in declarations {
            let unaligned = offset % alignment
            if unaligned > 0 {
                try add(Declaration("\(fillerPrefix)\(fillers.count)", .u8, [alignment - unaligned]))
                fillers.insert(placed.count - 1)
            }
            try add(declaration)
        }
        return (placed, fillers, offset)
    }

    private static func json(_ tensors: [StoredTensor], _ metadata: [String: String]) -> [UInt8] {
        var output = [UInt8(ascii: "{")]
        func member(_ key: String) {
            if output.last != UInt8(ascii: "{") { output += ",".utf8 }
            output += MetadataText.json(key)
            output += ":".utf8
        }
        if !metadata.isEmpty {
            member(SafetensorsHeader.metadataKey)
            output += "{".utf8
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
                member(key)
                output += MetadataText.json(value)
            }
            output += "}".utf8
        }
        for tensor in tensors {
            member(tensor.name)
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            let range = "\(tensor.range.lowerBound),\(tensor.range.upperBound)"
            output += "{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(range)]}".utf8
        }
        output += "}".utf8
        return output
    }

    /// The place of the text of a metadata value in the file, without its quotes.
    /// - Returns: nil if there is no such key, or if its value has characters that JSON escapes.
    public func range(ofMetadata key: String) -> Range<Int>? {
        guard let value = metadata[key] else { return nil }
        return header.withUnsafeBytes { MetadataText.range(of: value, key: key, in: $0) }
    }
}
