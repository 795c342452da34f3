import Architectures
import Foundation
import IR
import NumberFormats
import Plans
import Safetensors

/// A small Huginn model with random weights that bf16 can represent, and a folder to write it to. Its embedding is
/// large enough to be packed in several pieces, and none of its extents is a multiple of the kernels' block sizes.
final class RandomCheckpoint {
    private let folder: URL
    private let configurationText: String
    private let shapes: [(name: String, shape: [Int])]
    private var values: [String: [Float]] = [:]

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "checkpoint-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let odd = try String(contentsOf: GoldenFiles.folder.appending(path: "odd/config.json"), encoding: .utf8)
        configurationText = odd.replacing(": 517", with: ": 30011")
            .replacing("\"tie_embeddings\": false", with: "\"tie_embeddings\": true")
        let module = try ArchitectureRegistry.architecture(json: configurationText).module(context: 64)
        shapes = module.weights.flatMap(\.pieces).map { ($0.tensor, $0.shape) }
        // A number is the upper half of a float, with an exponent near that of 1 and arbitrary other bits. Multiplying
        // by an odd number reaches all of them.
        var state: UInt32 = 1
        for (name, shape) in shapes {
            values[name] = (0..<shape.reduce(1, *)).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return Float(bitPattern: (state & 0x83FF_0000) | 0x3C00_0000)
            }
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    /// The names of all files in the folder, including hidden ones.
    var contents: [String] {
        get throws { try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() }
    }

    /// Writes the checkpoint to a folder: one file, or shards that take the tensors in turn.
    /// - Parameter replacements: tensors with another shape, filled with zeros; nil removes the tensor.
    func write(to name: String, as type: StoredType, shards: Int = 1, replacing replacements: [String: [Int]?] = [:])
        throws
    {
        let target = folder.appending(path: name)
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        try Data(configurationText.utf8).write(to: target.appending(path: "config.json"))
        var places: [String: String] = [:]
        for shard in 0..<shards {
            let file = shards == 1 ? "model.safetensors" : "shard-\(shard).safetensors"
            let tensors = shapes.indices.filter { $0 % shards == shard }.map { shapes[$0] }.compactMap { name, shape in
                (replacements[name] ?? shape).map { (name: name, shape: $0) }
            }
            let layout = try SafetensorsLayout(tensors.map { .init($0.name, type, $0.shape) })
            try SafetensorsWriter.write(layout, to: target.appending(path: file).path) { writer in
                for (name, shape) in tensors {
                    places[name] = file
                    let floats =
                        replacements.keys.contains(name)
                        ? [Float](repeating: 0, count: shape.reduce(1, *)) : values[name] ?? []
                    if type == .f32 {
                        try floats.withUnsafeBytes { try writer.append($0, to: name) }
                    } else {
                        try floats.map { UInt16($0.bitPattern >> 16) }
                            .withUnsafeBytes { try writer.append($0, to: name) }
                    }
                }
            }
        }
        guard shards > 1 else { return }
        try JSONEncoder().encode(["weight_map": places])
            .write(to: target.appending(path: "model.safetensors.index.json"))
    }

    /// The bytes that a plan has to store for an f32 or bf16 weight, computed one number at a time.
    func stored(_ weight: ScheduledWeight) -> [UInt8]? {
        guard let floats = floats(weight) else { return nil }
        if weight.format == .f32 { return floats.withUnsafeBytes(Array.init) }
        guard weight.format == .bf16 else { return nil }
        var packed = [UInt16](repeating: 0, count: (weight.byteCount ?? 0) / 2)
        for n in 0..<weight.rows {
            for k in 0..<weight.columns {
                packed[BF16Format.offset(n: n, k: k, columns: weight.columns)] =
                    UInt16(floats[n * weight.columns + k].bitPattern >> 16)
            }
        }
        return packed.withUnsafeBytes(Array.init)
    }

    /// The numbers of a weight, row-major. A name that ends in `.from_to` is a range of columns of a tensor, and the
    /// frequencies of the rotary embedding are in no tensor.
    private func floats(_ weight: ScheduledWeight) -> [Float]? {
        if weight.name == "rotary.frequencies" { return RotaryFrequencies(base: 10000).values(pairs: weight.columns) }
        if let whole = values[weight.name] { return whole }
        let parts = weight.name.split(separator: ".")
        let columns = (parts.last ?? "").split(separator: "_").compactMap { Int($0) }
        guard columns.count == 2, let tensor = values[parts.dropLast().joined(separator: ".")] else { return nil }
        let length = tensor.count / weight.rows
        return (0..<weight.rows).flatMap { tensor[$0 * length + columns[0]..<$0 * length + columns[1]] }
    }
}
