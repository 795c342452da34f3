import Checkpoints
import Foundation
import Safetensors

/// A folder with the smallest checkpoint that opens. It is removed with this object.
final class CheckpointUnderTest {
    let path: String
    static let config = """
        {"model_type": "huginn_raven", "n_embd": 8, "n_heads": 2, "intermediate_size": 4, "n_layers_in_prelude": 0,
         "n_layers_in_recurrent_block": 1, "n_layers_in_coda": 0, "mean_recurrence": 2, "vocab_size": 3, "block_size": 16,
         "norm_eps": 1e-6, "rope_base": 50000, "qk_bias": false, "bias": false, "tie_embeddings": true,
         "injection_type": "linear", "block_class_name": "SandwichBlock", "mlp_class_name": "GatedMLP",
         "nonlin_name": "SiLU", "norm_class_name": "RMSNorm_llama"}
        """

    init() throws {
        path = NSTemporaryDirectory() + "/echelon-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try write(Self.config, to: "config.json")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    /// The f32 tensors, of one row each if no shape is given.
    func writeWeights(
        _ tensors: [(String, [Float])], to name: String = "model.safetensors", shape: [Int]? = nil
    ) throws {
        let layout = try SafetensorsLayout(tensors.map { .init($0.0, .f32, shape ?? [1, $0.1.count]) })
        try SafetensorsWriter.write(layout, to: path + "/" + name) { writer in
            for (tensor, values) in tensors {
                try values.withUnsafeBytes { try writer.append($0, to: tensor) }
            }
        }
    }

    func writeIndex(_ map: [String: String]) throws {
        let data = try JSONSerialization.data(withJSONObject: ["metadata": ["total_size": 8], "weight_map": map])
        try write(String(decoding: data, as: UTF8.self), to: "model.safetensors.index.json")
    }

    func open() throws -> Checkpoint { try Checkpoint(folder: path) }

    /// The error of opening the folder; nil if it opens.
    func problem() -> String? {
        do {
            _ = try open()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
