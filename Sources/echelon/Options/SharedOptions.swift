import ArgumentParser
import Foundation
import PlanBuilder
import Plans
import Runtime

extension WeightFormat: ExpressibleByArgument {}

extension WeightRule: ExpressibleByArgument {
    /// `PATTERN=FORMAT`.
    public init?(argument: String) {
        guard let sign = argument.lastIndex(of: "="), sign > argument.startIndex,
            let format = WeightFormat(rawValue: String(argument[argument.index(after: sign)...]))
        else { return nil }
        self.init(pattern: String(argument[..<sign]), format: format)
    }
}

/// How a model becomes a plan, whichever of the two a command is given.
struct PlanOptions: ParsableArguments {
    @Option(
        help: """
            Format of the matrices of what is compiled here: f32 (the default), bf16, int8 or int4. A plan has its own.
            """)
    var weights: WeightFormat?

    @Option(
        help: ArgumentHelp(
            "Format of some matrices of what is compiled here, as in compile.", valueName: "pattern=format"))
    var weightsFor: [WeightRule] = []

    @Flag(
        help: """
            Compare every weight of a plan with its checksum before use. Plans of up to 256 MiB always are; of larger \
            ones, which open at once, only the rest is.
            """)
    var verify = false

    func settings(innerRecurrence: Int = 4) -> CompilationSettings {
        CompilationSettings(
            weights: weights ?? .f32, weightRules: weightsFor, recurrence: nil, innerRecurrence: innerRecurrence)
    }

    /// - Parameters:
    ///   - path: a plan's or a checkpoint's; nil for the model inside this program.
    ///   - settings: how a checkpoint is compiled; nil for what the options say.
    /// - Throws: why there is no such model; ``CommandError`` for a plan that is to get other formats than it has.
    func plan(at path: String?, _ settings: CompilationSettings? = nil) throws -> Plan {
        let source = try ModelSource(path: path)
        if case .plan(let path) = source, weights != nil || !weightsFor.isEmpty {
            let option = weights == nil ? "--weights-for" : "--weights"
            throw CommandError(
                "\(option) is for what is compiled here, and \(path) is a plan, which has its formats already.")
        }
        return try source.plan(settings ?? self.settings(), verifying: verify ? .whole : .moment)
    }
}

extension CacheFormat: ExpressibleByArgument {
    /// What keys and values are kept in where nobody says: f32 for a plan whose matrices all are f32, the reference;
    /// bf16 beside any packed matrix, whose rounding is no finer than that of the caches.
    init(for schedule: Schedule) { self = schedule.weights.contains { $0.format != .f32 } ? .bf16 : .f32 }
}

struct ThreadOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "Threads to run on (default: OMP_NUM_THREADS, else the machine's cores).")
    var threads: Int?
}

/// How a model is opened and run.
struct ModelOptions: ParsableArguments {
    @OptionGroup var planning: PlanOptions

    @Option(
        help: """
            How keys and values are kept: f32, or bf16, which takes half the memory and bandwidth and rounds them \
            (default: f32 where all matrices are f32, else bf16).
            """)
    var cacheFormat: CacheFormat?

    @OptionGroup var threading: ThreadOptions

    /// As ``PlanOptions/plan(at:_:)``, for a plan that has its weights.
    func plan(at path: String?, _ settings: CompilationSettings? = nil) throws -> Plan {
        let plan = try planning.plan(at: path, settings)
        try plan.requireWeights()
        return plan
    }

    func model(_ plan: Plan, cacheBudget: Int = 1) throws -> PlanModel {
        try PlanModel(
            plan, cacheBudget: cacheBudget, cacheFormat: cacheFormat ?? CacheFormat(for: plan.contents.schedule),
            threads: threading.threads)
    }
}

/// A list of token ids on the command line: `1,2,3`, also with spaces or in brackets.
struct TokenList: ExpressibleByArgument {
    var tokens: [Int32]

    init?(argument: String) {
        let separators: Set<Character> = [",", " ", "\n", "\t", "\r"]
        var text = argument[...]
        while let first = text.first, separators.contains(first) { text.removeFirst() }
        while let last = text.last, separators.contains(last) { text.removeLast() }
        if text.first == "[", text.last == "]", text.count >= 2 { text = text.dropFirst().dropLast() }
        tokens = []
        for word in text.split(whereSeparator: { separators.contains($0) }) {
            guard let token = Int32(word) else { return nil }
            tokens.append(token)
        }
    }
}

/// - Throws: ``CommandError`` when a number was given and is out of its range.
func requireOption(_ value: Int?, _ option: String, _ range: ClosedRange<Int>) throws {
    guard let value, !range.contains(value) else { return }
    throw CommandError("\(option) is \(value); it has to be from \(range.lowerBound) to \(range.upperBound).")
}

/// Runs a command's work so that every failure is one sentence on standard error and an exit status that tells.
func reportingFailures(_ work: () throws -> Void) throws {
    Interrupt.watch()
    // A file that reaches the limit on its size is then an error of the write, as a full disk is.
    signal(SIGXFSZ, SIG_IGN)
    do {
        try work()
        try Interrupt.check()
    } catch let error as ExitCode {
        throw error
    } catch let error as Interrupted {
        Terminal.note("\(error)")
        throw ExitCode(error.status)
    } catch {
        Terminal.note("Error: \(error)")
        throw ExitCode.failure
    }
}
