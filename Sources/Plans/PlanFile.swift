import Foundation
import NumberFormats
import Safetensors

/// The plan as a file: a safetensors file with the schedule in its metadata, and the checkpoint's documents and the
/// weights as its tensors. `docs/plan-format.md` describes it for other readers.
enum PlanFile {
    /// The value of the metadata key `format`.
    static let format = "echelon-plan"
    /// The value of the metadata key `version`.
    static let version = 4
    /// The versions that a reader accepts.
    static let readableVersions = 4...version
    /// The prefix of the name of a document's tensor, before its file name. Documents are not metadata, because a vocabulary
    /// of some megabytes would have to be escaped, and parsed with the header each time a plan is opened.
    static let documentPrefix = "document."
    /// The alignments of the data (a memory page, so that weights can be mapped) and of each weight (a cache line).
    static let dataAlignment = 4096
    static let weightAlignment = 64
    /// The placeholder of a checksum that is not known yet.
    static let noChecksum = String(repeating: "0", count: 16)

    /// The only value of the metadata key `weights`.
    static let noWeights = "none"

    enum Key {
        static let format = "format"
        static let version = "version"
        static let settings = "settings"
        static let schedule = "schedule"
        /// The mark of plans without weights, whose value is ``noWeights``. Other plans do not have the key.
        static let weights = "weights"
        static let headerChecksum = "checksum.header"
        static let documentsChecksum = "checksum.documents"
        static let dataChecksum = "checksum.data"
    }

    static func layout(_ contents: PlanContents, hasWeights: Bool = true) throws -> SafetensorsLayout {
        if let weight = contents.schedule.weights.first(where: { $0.byteCount == nil }) {
            throw PlanError(
                "The weight \(weight.name) cannot be stored: it has \(weight.rows) × \(weight.columns) elements.")
        }
        var metadata = [
            Key.format: format, Key.version: "\(version)", Key.headerChecksum: noChecksum,
            Key.documentsChecksum: documentsChecksum(contents), Key.dataChecksum: noChecksum,
            Key.settings: try json(contents.settings), Key.schedule: try json(contents.schedule),
        ]
        if !hasWeights { metadata[Key.weights] = noWeights }
        let documents = documents(contents).map { name, text in
            SafetensorsLayout.Declaration(documentPrefix + name, .u8, [text.utf8.count])
        }
        return try SafetensorsLayout(
            documents + (hasWeights ? try contents.schedule.weights.map(declaration) : []), metadata: metadata,
            dataAlignment: dataAlignment, tensorAlignment: weightAlignment)
    }

    /// The tensor as which readers of safetensors files see a weight: the shape of the matrix, or that of its packed form.
    private static func declaration(_ weight: ScheduledWeight) throws -> SafetensorsLayout.Declaration {
        let tensor = try weight.layout.tensor(rows: weight.rows, columns: weight.columns)
        let type = StoredType(rawValue: tensor.type)
        guard type.bitCount != nil else {
            throw PlanError("The weight \(weight.name) cannot be stored: no file has tensors of \(tensor.type).")
        }
        return .init(weight.name, type, tensor.extents)
    }

    /// The documents in the order in which they are stored.
    static func documents(_ contents: PlanContents) -> [(name: String, text: String)] {
        contents.documents.sorted { $0.key < $1.key }.map { (name: $0.key, text: $0.value) }
    }

    /// The checksum of all documents, one after another. It is separate from that of the weights, so that documents can
    /// always be checked, however long the weights are.
    static func documentsChecksum(_ contents: PlanContents) -> String {
        var checksum = Checksum()
        for document in documents(contents) { Array(document.text.utf8).withUnsafeBytes { checksum.add($0) } }
        return checksum.text
    }

    private static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// The checksum of the header's bytes, with zeros in place of the checksum itself.
    static func headerChecksum(_ header: UnsafeRawBufferPointer, own: Range<Int>) -> String {
        var checksum = Checksum()
        checksum.add(UnsafeRawBufferPointer(rebasing: header[..<own.lowerBound]))
        Array(noChecksum.utf8).withUnsafeBytes { checksum.add($0) }
        checksum.add(UnsafeRawBufferPointer(rebasing: header[own.upperBound...]))
        return checksum.text
    }
}

// MARK: Writing

extension Plan {
    /// Supplies a weight's stored bytes through `append`, in order and in any number of pieces.
    public typealias WeightSource = (
        _ weight: ScheduledWeight, _ append: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Void

    /// Writes a plan file. It appears under `path` only when it is complete.
    /// - Throws: ``PlanError``, a file error (a full disk, a missing folder), or an error of `weights`.
    public static func write(_ contents: PlanContents, to path: String, weights: WeightSource) throws {
        try write(PlanFile.layout(contents), to: path) { writer in
            try appendDocuments(contents, to: writer)
            try appendWeights(contents, to: writer, from: weights)
        }
    }

    /// Writes a plan file without weights. The plan can be inspected but not run.
    /// - Throws: ``PlanError`` or a file error.
    public static func writeWithoutWeights(_ contents: PlanContents, to path: String) throws {
        try write(PlanFile.layout(contents, hasWeights: false), to: path) { try appendDocuments(contents, to: $0) }
    }

    private static func write(
        _ layout: SafetensorsLayout, to path: String, tensors: (SafetensorsWriter) throws -> Void
    ) throws {
        var checksum = ChunkedChecksum()
        try SafetensorsWriter.write(layout, to: path, observing: { checksum.add($0) }) { writer in
            checksum = ChunkedChecksum()
            try tensors(writer)
            try writer.finish()
            try writer.replaceMetadata(PlanFile.Key.dataChecksum, with: checksum.text)

            var header = layout.header
            guard let data = layout.range(ofMetadata: PlanFile.Key.dataChecksum),
                let own = layout.range(ofMetadata: PlanFile.Key.headerChecksum)
            else { throw PlanError("The plan's header has no place for its checksums.") }
            header.replaceSubrange(data, with: checksum.text.utf8)
            let text = header.withUnsafeBytes { PlanFile.headerChecksum($0, own: own) }
            try writer.replaceMetadata(PlanFile.Key.headerChecksum, with: text)
        }
    }

    /// The same plan in memory, without a file.
    public static func inMemory(_ contents: PlanContents, name: String, weights: WeightSource) throws -> Plan {
        let image = try SafetensorsWriter.image(try PlanFile.layout(contents), name: name) { writer in
            try appendDocuments(contents, to: writer)
            try appendWeights(contents, to: writer, from: weights)
        }
        return Plan(contents: contents, hasWeights: true, file: try SafetensorsFile(image))
    }

    private static func appendDocuments(_ contents: PlanContents, to writer: SafetensorsWriter) throws {
        for (name, text) in PlanFile.documents(contents) {
            try Array(text.utf8).withUnsafeBytes { try writer.append($0, to: PlanFile.documentPrefix + name) }
        }
    }

    private static func appendWeights(
        _ contents: PlanContents, to writer: SafetensorsWriter, from weights: WeightSource
    ) throws {
        for weight in contents.schedule.weights {
            try weights(weight) { try writer.append($0, to: weight.name) }
        }
    }
}

// MARK: Reading

extension Plan {
    /// The amount of a plan's data that is compared with its checksum on opening. The header and the documents are
    /// always compared.
    public enum Verification: Hashable, Sendable {
        /// Compares all data, however long that takes.
        case whole
        /// Compares all data if its size does not exceed this number of bytes. Larger data is only checked to be
        /// complete.
        case upTo(Int)

        /// The default, 256 MiB: even a slow disk reads that much in a moment.
        public static let moment = upTo(256 << 20)
    }

    /// Maps a plan file and checks it: the format, the version, the checksums of the header, of the documents and (see
    /// ``Verification``) of all data, and that each weight is present in its full size.
    /// - Throws: ``PlanError`` or a file error that describes the problem with the file.
    public init(path: String, verifying verification: Verification = .moment) throws {
        let file = try SafetensorsFile(path: path)
        func refuse(_ problem: String) -> PlanError { PlanError("\(path) \(problem)") }

        guard file.metadata[PlanFile.Key.format] == PlanFile.format else {
            throw refuse("is a safetensors file but not a plan. Make one with `echelon compile CHECKPOINT -o PLAN`.")
        }
        guard let version = file.metadata[PlanFile.Key.version].flatMap(Int.init), version > 0 else {
            throw refuse("is damaged: its version is missing. Compile the checkpoint again.")
        }
        guard version >= PlanFile.readableVersions.lowerBound else {
            throw refuse(
                "has version \(version) of the plan format, which this echelon no longer reads. Compile the checkpoint "
                    + "again.")
        }
        guard PlanFile.readableVersions.contains(version) else {
            throw refuse(
                "has version \(version) of the plan format, and this echelon reads versions up to \(PlanFile.version). "
                    + "Use a newer echelon.")
        }

        let headerText = file.file.withUnsafeBytes { bytes in
            let header = UnsafeRawBufferPointer(rebasing: bytes[..<file.dataOffset])
            return file.range(ofMetadata: PlanFile.Key.headerChecksum).map { PlanFile.headerChecksum(header, own: $0) }
        }
        guard headerText != nil, headerText == file.metadata[PlanFile.Key.headerChecksum] else {
            throw refuse("is damaged: its header does not have its checksum. Compile the checkpoint again.")
        }
        guard let dataText = file.metadata[PlanFile.Key.dataChecksum] else {
            throw refuse("is damaged: its weights' checksum is missing. Compile the checkpoint again.")
        }
        if verification.includes(file.file.count - file.dataOffset) {
            let found = file.file.withUnsafeBytes {
                ChunkedChecksum(UnsafeRawBufferPointer(rebasing: $0[file.dataOffset...])).text
            }
            guard found == dataText else {
                throw refuse("is damaged: its weights do not have their checksum. Compile the checkpoint again.")
            }
        }

        func decode<T: Decodable>(_ key: String, as type: T.Type) throws -> T {
            do {
                guard let text = file.metadata[key] else { throw PlanError("missing") }
                return try JSONDecoder().decode(type, from: Data(text.utf8))
            } catch let unknown as UnknownInstruction {
                throw refuse(
                    "has an instruction that this echelon does not know: \(unknown.name). Compile the checkpoint again."
                )
            } catch {
                throw refuse("is damaged: its \(key) cannot be read. Compile the checkpoint again.")
            }
        }
        var documents: [String: String] = [:]
        for tensor in file.tensors where tensor.name.hasPrefix(PlanFile.documentPrefix) {
            let text = try file.withUnsafeBytes(of: tensor.name) { String(validating: $0, as: UTF8.self) }
            guard let text else {
                throw refuse("is damaged: \(tensor.name) is not UTF-8 text. Compile the checkpoint again.")
            }
            documents[String(tensor.name.dropFirst(PlanFile.documentPrefix.count))] = text
        }
        let contents = PlanContents(
            settings: try decode(PlanFile.Key.settings, as: PlanSettings.self),
            schedule: try decode(PlanFile.Key.schedule, as: Schedule.self), documents: documents)
        guard PlanFile.documentsChecksum(contents) == file.metadata[PlanFile.Key.documentsChecksum] else {
            throw refuse("is damaged: its documents do not have their checksum. Compile the checkpoint again.")
        }
        let mark = file.metadata[PlanFile.Key.weights]
        guard mark == nil || mark == PlanFile.noWeights else {
            throw refuse("is malformed: whether it has weights cannot be read. Compile the checkpoint again.")
        }
        for weight in contents.schedule.weights {
            guard weight.format.weights != nil else {
                throw refuse("is malformed: the weight \(weight.name) is \(weight.format), which only rows can be.")
            }
            guard let size = weight.byteCount else {
                throw refuse("is malformed: the weight \(weight.name) has an impossible size.")
            }
            guard file[weight.name]?.range.count == (mark == nil ? size : nil) else {
                throw refuse(
                    mark == nil
                        ? "does not hold the weight \(weight.name) in the size that its schedule says."
                        : "is malformed: it says that it has no weights, and has \(weight.name).")
            }
        }
        do {
            try contents.settings.validate()
            try contents.schedule.validate()
        } catch {
            throw refuse("is malformed: \(error)")
        }
        self.init(contents: contents, hasWeights: mark == nil, file: file)
    }
}

extension Plan.Verification {
    /// Whether data of `byteCount` bytes is compared with its checksum.
    fileprivate func includes(_ byteCount: Int) -> Bool {
        switch self {
        case .whole: true
        case .upTo(let limit): byteCount <= limit
        }
    }
}
