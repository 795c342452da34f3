import Architectures
import Checkpoints
import Compiler
import Foundation
import IR
import RepositoryFiles
import Safetensors
import Testing

/// The architecture as IR functions, run by the interpreter and compared with the logits and latents of an independent
/// implementation. The executor is not involved.
@Suite struct InterpretedForwardTests {
    struct Golden: Decodable {
        struct Forward: Decodable { var recurrences: [Int] }
        var prompts: [[Int32]]
        var forward: Forward
    }

    static let folder = Repository.golden

    static func interpreter(_ name: String, lowered: Bool) throws -> (Interpreter, width: Int) {
        let checkpoint = try Checkpoint(folder: folder.appending(path: name).path)
        let architecture = try ArchitectureRegistry.architecture(of: checkpoint)
        let source = try architecture.module(context: architecture.shape.context)
        var tensors: [String: Tensor] = [:]
        for piece in source.weights.flatMap(\.pieces) {
            let floats = try checkpoint.tensor(piece.tensor, shape: piece.shape).floats()
            tensors[piece.tensor] = Tensor(floats, shape: piece.shape)
        }
        let options = CompilerOptions(specializations: [Specialization("decode", recurrences: 2)])
        let module = lowered ? try Pipeline(options).run(source) : source
        return (try Interpreter(module: module, weights: tensors), architecture.shape.width)
    }

    /// The largest difference, relative to the largest expected magnitude.
    static func error(_ found: [Float], _ expected: [Float]) -> Float {
        guard found.count == expected.count else { return .infinity }
        let scale = expected.map(abs).max() ?? 1
        return (zip(found, expected).map { abs($0 - $1) }.max() ?? 0) / scale
    }

    @Test(arguments: ["odd", "micro"], [false, true])
    func `prefill computes the golden logits and latents, before and after the passes`(
        _ name: String, _ lowered: Bool
    ) throws {
        let (interpreter, width) = try Self.interpreter(name, lowered: lowered)
        let folder = Self.folder.appending(path: name)
        let golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: folder.appending(path: "golden.json")))
        let expected = try SafetensorsFile(path: folder.appending(path: "forward.safetensors").path)
        for (number, prompt) in golden.prompts.enumerated() {
            // The deepest recurrence of micro takes too long in a debug build of the interpreter. The executor's tests
            // include it.
            for recurrences in golden.forward.recurrences where recurrences <= 6 {
                var caches = CacheState()
                let results = try interpreter.run(
                    "prefill.logits",
                    arguments: [
                        Tensor(prompt, shape: [prompt.count]),
                        Tensor([Int32](repeating: 0, count: prompt.count), shape: [prompt.count]),
                        Tensor(prompt.indices.map(Int32.init), shape: [prompt.count]),
                        Tensor([Int32](repeating: 0, count: prompt.count), shape: [prompt.count]),
                        Tensor([Float](repeating: 0, count: prompt.count * width), shape: [prompt.count, width]),
                    ], recurrences: recurrences, caches: &caches)
                let latents = try expected.floats("prompt\(number).latents_r\(recurrences)")
                let logits = try expected.floats("prompt\(number).logits_r\(recurrences)")
                #expect(Self.error(results[2].floats, latents) < 1e-4)
                #expect(Self.error(results[3].floats, logits) < 1e-4)
            }
        }
    }
}
