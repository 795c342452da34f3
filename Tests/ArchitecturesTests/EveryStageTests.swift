import Architectures
import Checkpoints
import Compiler
import Foundation
import IR
import NumberFormats
import ParserFuzzing
import RandomGraphs
import RepositoryFiles
import Testing

/// The properties of every module between the architecture and the schedule, in every format.
@Suite struct EveryStageTests {
    static let configurations = [
        "Tests/Golden/odd/config.json", "Tests/Golden/micro/config.json", "Tools/wordmath/checkpoint/config.json",
        "Tools/bench/huginn-0125.json",
    ]
    static let elements = ElementType.weightFormats

    static func module(_ configuration: String) throws -> Module {
        let json = try String(contentsOf: Repository.root.appending(path: configuration), encoding: .utf8)
        let architecture = try ArchitectureRegistry.architecture(json: json, name: configuration)
        return try architecture.module(context: architecture.shape.context)
    }

    static func options(_ element: ElementType, recurrences: Int = 16) -> CompilerOptions {
        CompilerOptions(
            weights: element,
            specializations: ["", ".logits"].flatMap {
                [Specialization("decode" + $0, recurrences: recurrences), Specialization("step" + $0, recurrences: 4)]
            })
    }

    @Test(arguments: configurations)
    func `every stage of every function reads back as it was printed, in every format`(_ configuration: String) throws {
        var seen: Set<Module> = []
        func check(_ module: Module, _ stage: String) throws {
            guard seen.insert(module).inserted else { return }
            let text = module.description
            let read = try Module(parsing: text)
            #expect(read == module, "\(stage): parse(print(g)) is not g")
            // The cast keeps a failure from printing the texts in full.
            #expect((read.description == text) as Bool, "\(stage): print(parse(t)) is not t")
        }
        let source = try Self.module(configuration)
        try check(source, "source")
        for element in Self.elements {
            _ = try Pipeline(Self.options(element)).run(source) { pass, module in
                try check(module, "\(element) after \(pass.name)")
            }
        }
        #expect(seen.count > 10)
    }

    /// The test draws twenty orders in each format, with a third of the passes left out.
    @Test(arguments: elements) func `any legal pipeline gives a module that verifies and has tapes`(
        _ element: ElementType
    ) throws {
        let source = try Self.module("Tests/Golden/odd/config.json")
        let options = Self.options(element, recurrences: 2)
        var random = RandomSource(seed: 1)
        var legal = 0
        while legal < 20 {
            let names = Pipeline.standardNames.shuffled(using: &random).filter { _ in
                Int.random(in: 0..<3, using: &random) > 0
            }
            guard let pipeline = try? Pipeline(options, passes: names) else { continue }
            legal += 1
            let lowered = try pipeline.run(source)
            let schedule = try schedule(lowered, specializations: options.specializations)
            #expect(schedule.functions.count == lowered.functions.count, "\(names)")
        }
    }

    @Test func `no damaged text of a shipped function crashes the parser, and every refusal has a place`() throws {
        let tally = try ParserFuzzer(texts: ShippedTexts.all(), seed: 2026).run(0..<12_000)
        #expect(tally.inputs == 12_000 && tally.rejected + tally.parsed == tally.inputs)
        // Otherwise this tests little.
        #expect(tally.rejected > 2000 && tally.verified > 500 && tally.repaired > 100, "\(tally)")
        #expect(tally.slowest < .seconds(5))
    }
}
