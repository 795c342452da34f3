import Compiler
import IR
import RandomGraphs

/// A fuzzer that feeds damaged texts to the parser. The parser must neither crash nor hang, it has to say where it
/// stopped, and a module that it reads has to print and read back as the same. Passes have to turn any verified module
/// into a verified one, or refuse it.
public struct ParserFuzzer: Sendable {
    private let corpus: [[UInt8]]
    private let seed: UInt64
    private let passes: [any Pass]

    /// The outcomes of some inputs.
    public struct Tally: Sendable {
        public var inputs = 0
        /// Inputs that are not UTF-8, which are repaired before they are parsed.
        public var repaired = 0
        public var rejected = 0
        /// Inputs that read as a module, and those of them that verify.
        public var parsed = 0
        public var verified = 0
        /// The longest time for one input.
        public var slowest = Duration.zero

        public init() {}

        public static func += (left: inout Tally, right: Tally) {
            left.inputs += right.inputs
            left.repaired += right.repaired
            left.rejected += right.rejected
            left.parsed += right.parsed
            left.verified += right.verified
            left.slowest = max(left.slowest, right.slowest)
        }
    }

    /// An input that the parser mishandles.
    public struct Fault: Error, CustomStringConvertible {
        public var index: Int
        public var problem: String
        public var description: String { "input \(index): \(problem)" }
    }

    /// - Parameters:
    ///   - texts: the texts to damage; at least one, none empty.
    ///   - passes: the passes to run, each alone, on modules that verify.
    public init(texts: [String], seed: UInt64, passes: [any Pass] = []) {
        corpus = texts.map { Array($0.utf8) }
        self.seed = seed
        self.passes = passes
    }

    /// The input of that number, which depends on nothing else but the texts and the seed.
    public func input(_ index: Int) -> [UInt8] {
        var mixer = RandomSource(seed: seed &+ UInt64(bitPattern: Int64(index)) &* 0x9E37_79B9_7F4A_7C15)
        var mutator = TextMutator(corpus: corpus, random: RandomSource(seed: mixer.next()))
        return mutator.next()
    }

    /// - Throws: ``Fault`` for the first input that is mishandled.
    public func run(_ indices: Range<Int>) throws -> Tally {
        var tally = Tally()
        for index in indices {
            let start = ContinuousClock.now
            try check(input(index), index, &tally)
            tally.slowest = max(tally.slowest, ContinuousClock.now - start)
        }
        return tally
    }

    private func check(_ bytes: [UInt8], _ index: Int, _ tally: inout Tally) throws {
        func fault(_ problem: String) -> Fault { Fault(index: index, problem: problem) }
        tally.inputs += 1
        let valid = String(validating: bytes, as: UTF8.self)
        if valid == nil { tally.repaired += 1 }
        let text = valid ?? String(decoding: bytes, as: UTF8.self)
        let module: Module
        do {
            module = try Module(parsing: text)
        } catch let error as ParseError {
            tally.rejected += 1
            if let problem = Self.problem(with: error, in: text) { throw fault(problem) }
            return
        }
        tally.parsed += 1
        let verifies = (try? verify(module)) != nil
        if verifies { tally.verified += 1 }
        let printed = module.description
        let again: Module
        do {
            again = try Module(parsing: printed)
        } catch {
            throw fault("reads as a module whose own text does not read: \(error)")
        }
        guard again.description == printed else {
            throw fault("reads as a module whose text changes when it is read again")
        }
        guard verifies else { return }
        guard again == module else { throw fault("verifies, but reads back as another module") }
        for pass in passes {
            guard let result = try? pass.run(module) else { continue }
            do {
                try verify(result)
            } catch {
                throw fault("verifies, but not what \(pass.name) makes of it: \(error)")
            }
        }
    }

    /// The problem with a refusal; nil if it names a place of the text, or its end, and says something short.
    private static func problem(with error: ParseError, in text: String) -> String? {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard (1...lines.count).contains(error.line) else {
            return "is refused in line \(error.line) of \(lines.count)"
        }
        let columns = lines[error.line - 1].count { $0 & 0xC0 != 0x80 }
        guard (1...columns + 1).contains(error.column) else {
            return "is refused in column \(error.column) of line \(error.line), which has \(columns)"
        }
        return (1...400).contains(error.problem.utf8.count)
            ? nil : "is refused with a message of \(error.problem.utf8.count) bytes"
    }
}
