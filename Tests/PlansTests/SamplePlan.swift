import Foundation
import Plans
import Safetensors

/// A small plan that has one of everything, with the bytes of its weights.
struct SamplePlan {
    var contents: PlanContents
    /// The stored bytes of each weight.
    var weights: [String: [UInt8]]

    init() {
        let function = ScheduledFunction(
            name: "decode", unrolled: 3, parameters: [Port(name: "tokens", element: .i32, width: 1)],
            results: [Port(name: "logits", element: .f32, width: 5)],
            buffers: [
                ScheduledBuffer(name: "tokens", element: .i32, width: 1, storage: .parameter(0)),
                ScheduledBuffer(name: "logits", element: .f32, width: 5, storage: .result(0)),
                ScheduledBuffer(name: "x", element: .bf16, width: 7, storage: .arena(offsetPerRow: 64)),
                ScheduledBuffer(name: "q", element: .q8, width: 7, storage: .arena(offsetPerRow: 128)),
            ],
            instructions: [
                Instruction(opcode: .operation(.embed), inputs: [0], outputs: [2], weights: [0], float: 0.1),
                Instruction(
                    opcode: .operation(.projectRopeWrite), inputs: [2, 0, 0], outputs: [1], weights: [1, 2], cache: 0,
                    recurrence: Instruction.induction, integers: [2], float: 50000, barrier: true),
            ],
            arenaBytesPerRow: 320, unplannedBytesPerRow: 320)
        contents = PlanContents(
            settings: PlanSettings(
                model: ModelFacts(
                    architecture: "sample", loopWord: "loop", stateDeviation: 0.1, sharesCaches: false,
                    trainedRecurrence: 4,
                    injectsInput: true, hasExitGate: true),
                width: 7, vocabulary: 5, context: 64, maxRows: 16, weights: .bf16,
                weightRules: [WeightRule(pattern: "e*", format: .int8), WeightRule(pattern: "four", format: .int4)],
                recurrence: 3, innerRecurrence: 2, passes: ["second", "first"]),
            schedule: Schedule(
                weights: [
                    ScheduledWeight(name: "norm", format: .f32, rows: 1, columns: 7),
                    ScheduledWeight(name: "matrix", format: .bf16, rows: 5, columns: 7),
                    ScheduledWeight(name: "bias", format: .f32, rows: 1, columns: 3),
                    ScheduledWeight(name: "eight", format: .int8, rows: 33, columns: 65),
                    ScheduledWeight(name: "four", format: .int4, rows: 33, columns: 65),
                ],
                caches: [ScheduledCache(name: "core.0", heads: 2, dim: 4, isRecurrent: true)], functions: [function]),
            documents: [
                "config.json": "{\"a\": \"quoted \\\\ text\"}\n", "empty": "", "unicode": "Ünïcödé 🎈 \u{0}\u{1F}",
            ])
        contents.settings.model.stopTokens = [3, 4]
        weights = [:]
        for weight in contents.schedule.weights {
            weights[weight.name] = (0..<(weight.byteCount ?? 0)).map {
                UInt8(truncatingIfNeeded: $0 * 31 + weight.columns)
            }
        }
    }

    /// Supplies each weight in pieces of `piece` bytes.
    func source(piece: Int = .max) -> Plan.WeightSource {
        { weight, append in
            let bytes = weights[weight.name] ?? []
            for start in stride(from: 0, to: bytes.count, by: min(piece, bytes.count)) {
                try bytes[start..<min(start + min(piece, bytes.count), bytes.count)].withUnsafeBytes { try append($0) }
            }
        }
    }

    /// Writes a file as ``Plan/write(_:to:weights:)`` does, with correct checksums, but with arbitrary metadata and
    /// weights. Only a program with another idea of the format would write it.
    /// - Parameter documentByte: the byte that documents consist of.
    func forge(
        at path: String, metadata changes: [String: String?] = [:], weights: [SafetensorsLayout.Declaration]? = nil,
        documentByte: UInt8 = UInt8(ascii: "x")
    ) throws {
        try Plan.write(contents, to: path, weights: source())
        let honest = try SafetensorsFile(path: path)
        var metadata = honest.metadata
        metadata["checksum.data"] = String(repeating: "0", count: 16)
        metadata["checksum.header"] = String(repeating: "0", count: 16)
        func isDocument(_ name: String) -> Bool { name.hasPrefix("document.") }
        var documents = Checksum()
        for document in honest.tensors where isDocument(document.name) {
            [UInt8](repeating: documentByte, count: document.range.count).withUnsafeBytes { documents.add($0) }
        }
        metadata["checksum.documents"] = documents.text
        for (key, value) in changes { metadata[key] = value }
        let written = honest.tensors.filter { !$0.name.hasPrefix(SafetensorsLayout.fillerPrefix) }
            .map { SafetensorsLayout.Declaration($0.name, $0.type, $0.shape) }
        let declarations = written.filter { isDocument($0.name) } + (weights ?? written.filter { !isDocument($0.name) })
        let layout = try SafetensorsLayout(declarations, metadata: metadata, dataAlignment: 4096, tensorAlignment: 64)
        let image = try SafetensorsWriter.image(layout, name: path) { writer in
            for declaration in declarations {
                let size = declaration.type.byteCount(ofShape: declaration.shape) ?? 0
                try [UInt8](repeating: isDocument(declaration.name) ? documentByte : 7, count: size)
                    .withUnsafeBytes { try writer.append($0, to: declaration.name) }
            }
        }
        var bytes = image.withUnsafeBytes { Array($0) }
        func set(_ key: String, _ checksum: String) {
            guard let range = layout.range(ofMetadata: key) else { return }
            bytes.replaceSubrange(range, with: checksum.utf8)
        }
        set("checksum.data", bytes[layout.header.count...].withUnsafeBytes { ChunkedChecksum($0).text })
        var header = Checksum()
        bytes[..<layout.header.count].withUnsafeBytes { header.add($0) }
        set("checksum.header", header.text)
        try Data(bytes).write(to: URL(filePath: path))
    }

    /// The plan with another schedule than the one for which the weights were written.
    func forge(at path: String, schedule: Schedule) throws {
        let text = String(decoding: try JSONEncoder().encode(schedule), as: UTF8.self)
        try forge(at: path, metadata: ["schedule": text])
    }
}
