import Foundation
import Testing

/// Compiling a damaged checkpoint gives a sentence that names the damage, and no plan.
@Suite struct DamagedCheckpointTests {
    // MARK: Weights

    @Test func `weights cut short are refused`() throws {
        let bytes = try Weights().bytes
        for count in [0, 5, 8, 100, 5000, bytes.count / 2, bytes.count - 1] {
            try refuse(weights: bytes.prefix(count), "model.safetensors")
        }
        try refuse(weights: bytes + [0], "model.safetensors")
    }

    @Test func `a header larger than the format or the file allows is refused`() throws {
        var weights = try Weights()
        let size = try UInt64(weights.bytes.count)
        for length in [UInt64.max, 1 << 62, 100_000_001, size] {
            weights.declaredHeader = length
            try refuse(weights: weights.bytes, "declares a header of \(length) bytes")
        }
    }

    @Test func `a header that is not JSON, or not an object of tensors, is refused`() throws {
        for header in ["{\"a\"", "[]", "7", String(repeating: "[", count: 100_000), "{\"wte\": 3}", "{}", "\u{0}"] {
            try refuse(weights: Weights.file(header: Data(header.utf8), data: Data()), "checkpoint")
        }
    }

    @Test func `tensors that overlap or leave holes are refused`() throws {
        var weights = try Weights()
        let proj = "transformer.coda.0.attn.proj.weight"
        let other = weights.header["transformer.core_block.0.attn.proj.weight"]?["data_offsets"]
        weights.header[proj]?["data_offsets"] = other
        try refuse(weights: weights.bytes, "transformer.co", "bytes")

        weights = try Weights()
        weights.header[proj] = nil
        try refuse(weights: weights.bytes, "belong to no tensor")

        weights = try Weights()
        for offsets in [[-2, 10], [10, 2], [0, Int.max], [Int.max - 1, Int.max], [0], [0, 2, 4]] {
            weights.header[proj]?["data_offsets"] = offsets
            try refuse(weights: weights.bytes, "model.safetensors")
        }
    }

    @Test func `a tensor of another type, shape or name is refused`() throws {
        let proj = "transformer.coda.0.attn.proj.weight"
        var weights = try Weights()
        for type in ["I16", "I32", "F64", "Q9", "bf16", ""] {
            weights.header[proj]?["dtype"] = type
            try refuse(weights: weights.bytes, proj)
        }

        for shape in [[80, 320], [25600], [160, 160, 1], [-160, -160], [Int.max, 2], [0, 160]] {
            weights = try Weights()
            weights.header[proj]?["shape"] = shape
            try refuse(weights: weights.bytes, proj)
        }

        weights = try Weights()
        let entry = weights.header.removeValue(forKey: proj)
        weights.header["transformer.coda.0.attn.other.weight"] = entry
        try refuse(weights: weights.bytes, "has no tensor", proj)
    }

    // MARK: Configuration

    /// The configurations with a value that this version does not support.
    @Test(arguments: [
        "architecture_class_name", "block_class_name", "norm_class_name", "mlp_class_name", "nonlin_name", "state_init",
        "injection_type", "model_type",
    ])
    func `an unknown kind is refused by its key and value`(_ key: String) throws {
        try refuse(configuration: [key: "Unheard"], "\"\(key)\"", "\"Unheard\"")
    }

    @Test(arguments: [
        "n_embd", "intermediate_size", "num_attention_heads", "n_layers_in_prelude", "n_layers_in_recurrent_block",
        "padded_vocab_size", "block_size", "mean_recurrence", "head_dim",
    ])
    func `a size out of range or of another kind is refused`(_ key: String) throws {
        let values: [Any] = [-1, 1 << 40, Int.max, 2.5, "many", [1], true]
        for value in values { try refuse(configuration: [key: value], key) }
    }

    @Test func `sizes that the weights do not have are refused`() throws {
        try refuse(configuration: ["intermediate_size": 441], "tensor")
        try refuse(configuration: ["padded_vocab_size": 600, "vocab_size": 600], "[600, 160]")
        try refuse(configuration: ["n_layers_in_coda": 2, "n_layers": 6], "has no tensor")
    }

    @Test func `numbers that no model can have are refused`() throws {
        try refuse(configuration: ["norm_eps": -1], "norm_eps")
        try refuse(configuration: ["rope_base": 0], "rope_base")
        try refuse(configuration: ["architectures": ["LlamaForCausalLM"]], "LlamaForCausalLM")
    }

    @Test func `a configuration that is no JSON object is refused`() throws {
        for text in ["", "{", "[]", "null", "\"x\"", String(repeating: "[", count: 100_000)] {
            try refuse("config.json") { try Data(text.utf8).write(to: $0.appending(path: "config.json")) }
        }
        try refuse("config.json") { try Data([0xFF, 0xFE, 0x00]).write(to: $0.appending(path: "config.json")) }
    }

    @Test func `missing files are refused by name`() throws {
        for name in ["config.json", "model.safetensors"] {
            try refuse(name) { try FileManager.default.removeItem(at: $0.appending(path: name)) }
        }
        try EchelonCommand.run("generate", "no-such-folder", "x").expectRefusal("no-such-folder")
    }

    // MARK: Documents

    @Test func `a damaged tokenizer, template or generation configuration is refused by name`() throws {
        let breaks = [
            ("tokenizer.json", "{\"model\": {\"type\": \"BPE\""), ("tokenizer.json", "{}"),
            ("tokenizer_config.json", "{\"chat_template\": \"{% for %}\"}"), ("tokenizer_config.json", "[1"),
            ("generation_config.json", "{\"eos_token_id\": \"last\"}"), ("generation_config.json", "{\"top_p\": 7}"),
        ]
        for (name, text) in breaks {
            let folder = try TemporaryFolder()
            let checkpoint = folder.file("checkpoint")
            try FileManager.default.copyItem(atPath: TestModels.wordmath, toPath: checkpoint)
            try Data(text.utf8).write(to: URL(filePath: checkpoint + "/" + name))
            let run = try EchelonCommand.run("generate", checkpoint, "hello", "--max-new-tokens", "2")
            run.expectRefusal()
            #expect(run.errors.contains(name) || run.errors.contains("chat template"), "\(run.errors)")
        }
    }

    // MARK: Helpers

    private func refuse(weights: Data, _ fragments: String...) throws {
        try refuse(fragments) { try weights.write(to: $0.appending(path: "model.safetensors")) }
    }

    private func refuse(configuration changes: [String: Any], _ fragments: String...) throws {
        try refuse(fragments) { folder in
            let file = folder.appending(path: "config.json")
            var document = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
            document.merge(changes) { _, new in new }
            try JSONSerialization.data(withJSONObject: document).write(to: file)
        }
    }

    private func refuse(_ fragment: String, damage: (URL) throws -> Void) throws {
        try refuse([fragment], damage: damage)
    }

    /// Damages a copy of a checkpoint and expects that it does not compile.
    private func refuse(_ fragments: [String], damage: (URL) throws -> Void) throws {
        let folder = try TemporaryFolder()
        let checkpoint = URL(filePath: folder.file("checkpoint"))
        try FileManager.default.createDirectory(at: checkpoint, withIntermediateDirectories: true)
        for name in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(
                at: URL(filePath: TestModels.odd).appending(path: name), to: checkpoint.appending(path: name))
        }
        try damage(checkpoint)
        let run = try EchelonCommand.run("compile", checkpoint.path, "-o", folder.file("odd.plan"))
        run.expectRefusal()
        for fragment in fragments { #expect(run.errors.contains(fragment), "\(run.errors)") }
        #expect(try folder.contents == ["checkpoint"], "nothing is written")
    }
}

/// The weights of the odd checkpoint, with a header that can be edited.
private struct Weights {
    var header: [String: [String: Any]]
    let data: Data
    /// The length of the header that the file claims; nil for the true one.
    var declaredHeader: UInt64?

    init() throws {
        let file = try Data(contentsOf: URL(filePath: TestModels.odd).appending(path: "model.safetensors"))
        let length = Int(file.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        let object = try JSONSerialization.jsonObject(with: file[8..<8 + length])
        header = try #require(object as? [String: [String: Any]])
        data = file[(8 + length)...]
    }

    var bytes: Data {
        get throws {
            let text = try JSONSerialization.data(withJSONObject: header)
            return Self.file(header: text, data: data, declared: declaredHeader)
        }
    }

    static func file(header: Data, data: Data, declared: UInt64? = nil) -> Data {
        let length = declared ?? UInt64(header.count)
        return Data((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }) + header + data
    }
}
