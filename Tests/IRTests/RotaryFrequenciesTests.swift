import Foundation
import IR
import Testing

/// The frequencies of rotary embeddings, compared with numbers that numpy computes in f32 in the order of operations of
/// `modeling_rope_utils.py` in the library transformers.
@Suite struct RotaryFrequenciesTests {
    /// The expected frequencies of some pairs of a head.
    struct Example: Sendable, CustomTestStringConvertible {
        var name: String
        var frequencies: RotaryFrequencies
        var dimension: Int
        var expected: [Int: Float]
        var testDescription: String { name }
    }

    static let examples = [
        Example(
            name: "no scaling, Huginn's base and heads", frequencies: RotaryFrequencies(base: 50000), dimension: 96,
            expected: [0: 1, 1: 0.79818726, 24: 0.004472136, 47: 2.5056772e-05]),
        Example(
            name: "linear", frequencies: scaled(10000, .linear, ["factor": 4]), dimension: 8,
            expected: [0: 0.25, 1: 0.025, 2: 0.0025, 3: 0.00025]),
        Example(
            name: "dynamic, for more than the training's length",
            frequencies: scaled(10000, .dynamic, ["factor": 4, "original": 2048, "length": 8192]), dimension: 8,
            expected: [0: 1, 1: 0.042529035, 2: 0.0018087189, 3: 7.6923076e-05]),
        Example(
            name: "dynamic, for less than the training's length",
            frequencies: scaled(10000, .dynamic, ["factor": 4, "original": 2048, "length": 1024]), dimension: 8,
            expected: [0: 1, 1: 0.1, 2: 0.01, 3: 0.001]),
        // The pairs 15, 16 and 17 lie between the high and the low frequencies.
        Example(
            name: "llama3, as Llama 3.2 has it",
            frequencies: scaled(500_000, .llama3, ["factor": 32, "low": 1, "high": 4, "original": 8192]),
            dimension: 64,
            expected: [
                0: 1, 13: 0.0048394212, 14: 0.003211446, 15: 0.001290548, 16: 0.0004295567, 17: 9.708286e-05,
                18: 1.9461639e-05, 31: 9.4183065e-08,
            ]),
        // The ramp goes from pair 10 to pair 23.
        Example(
            name: "yarn", frequencies: scaled(10000, .yarn, ["factor": 8, "original": 4096, "fast": 32, "slow": 1]),
            dimension: 64,
            expected: [
                0: 1, 9: 0.074989416, 10: 0.05623413, 11: 0.03933131, 15: 0.0088474015, 20: 0.0010338216,
                22: 0.00034197682, 23: 0.00016669018, 24: 0.000125, 31: 1.6669019e-05,
            ]),
        // So short a training turns no pair often enough, and the ramp starts at pair 0.
        Example(
            name: "yarn, for a short training",
            frequencies: scaled(10000, .yarn, ["factor": 16, "original": 64, "fast": 32, "slow": 1]), dimension: 8,
            expected: [0: 1, 1: 0.053125, 2: 0.000625, 3: 6.25e-05]),
    ]

    static func scaled(_ base: Float, _ method: RotaryScaling.Method, _ numbers: [String: Float]) -> RotaryFrequencies {
        RotaryFrequencies(base: base, scaling: RotaryScaling(method, numbers))
    }

    @Test(arguments: examples) func `frequencies are those of the published code`(_ example: Example) throws {
        let found = example.frequencies.values(pairs: example.dimension / 2)
        try #require(found.count == example.dimension / 2)
        for (pair, expected) in example.expected {
            // Some steps of an f32, for another power function.
            #expect(abs(found[pair] / expected - 1) < 2e-6, "pair \(pair): \(found[pair]), expected \(expected)")
        }
    }

    @Test(arguments: examples) func `every method reads back as it was printed, and is a verified weight`(
        _ example: Example
    ) throws {
        let weight = Weight("rotary", .fixed(.f32, example.dimension / 2), source: .frequencies(example.frequencies))
        let module = Module(weights: [weight])
        try verify(module)
        #expect(try Module(parsing: module.description) == module)
    }

    @Test func `a method's numbers are printed by name, in one order`() {
        let weight = Weight("r", .fixed(.f32, 32), source: .frequencies(Self.examples[4].frequencies))
        #expect(
            weight.description
                == "weight @r : f32[32] = frequencies {base = 500000.0, scaling = llama3, factor = 32.0, low = 1.0, "
                + "high = 4.0, original = 8192.0}")
    }

    @Test func `a weight of frequencies needs no tensor`() throws {
        let module = try Module(
            parsing: """
                weight @r : f32[2] = frequencies {base = 100.0}
                func @f(%x: f32[rows,2]) -> f32[rows,2] {
                  %y = bias %x, @r : f32[rows,2]
                  return %y
                }
                """)
        var caches = CacheState()
        let results = try Interpreter(module: module, weights: [:])
            .run("f", arguments: [Tensor([1, 2] as [Float], shape: [1, 2])], caches: &caches)
        InterpreterTests.expect(results[0], [2, 2.1])
    }
}
