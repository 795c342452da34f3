import Foundation
import Testing

/// Logits with a NaN end a generation with an error, in greedy decoding too, where the plan chooses the token.
@Suite struct NotANumberTests {
    /// The odd checkpoint, whose head is a matrix of its own, with a NaN in one output of the head.
    private func checkpoint(in folder: TemporaryFolder) throws -> String {
        let path = folder.file("checkpoint")
        try FileManager.default.copyItem(atPath: TestModels.odd, toPath: path)
        let file = URL(filePath: path).appending(path: "model.safetensors")
        var data = try Data(contentsOf: file)
        let length = Int(data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        let header = try #require(JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any])
        let head = try #require(header["lm_head.weight"] as? [String: Any])
        let offsets = try #require(head["data_offsets"] as? [Int])
        // All ones are a NaN in every float type, and the first element is one of token 0.
        data.replaceSubrange(
            8 + length + offsets[0]..<8 + length + offsets[0] + 8, with: [UInt8](repeating: 0xFF, count: 8))
        try FileManager.default.removeItem(at: file)
        try data.write(to: file)
        return path
    }

    @Test(arguments: [
        ["autoregressive"], ["diffusion"], ["adaptive"], ["speculative"], ["lossless", "--inner-recurrence", "4"],
        ["autoregressive", "--weights", "bf16"],
        ["autoregressive", "--temperature", "1"],
    ])
    func `a NaN among the logits ends a generation with an error`(_ sampler: [String]) throws {
        let folder = try TemporaryFolder()
        let run = try EchelonCommand.run(
            ["generate", checkpoint(in: folder), "--tokens", "1,2,3,4", "--max-new-tokens", "4", "--threads", "1"]
                + ["--recurrence", "8", "--sampler"] + sampler)
        run.expectRefusal("not made of finite numbers")
    }
}
