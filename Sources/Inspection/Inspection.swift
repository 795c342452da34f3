import Compiler
import IR
import NumberFormats
import PlanBuilder
import Plans

/// All that there is to see in a plan: every function's graph at every stage of the pipeline, what each pass changed,
/// what each operation became, the tape, the memory and the costs. `docs/inspect.schema.json` describes its JSON form.
///
/// Things are named by numbers: places in the lists that hold them. Every list of values, of operations and of costs is
/// one function's; weights, caches, types and stages are the whole plan's.
public struct Inspection: Codable, Hashable, Sendable {
    /// Counts up when a reader of older versions would misunderstand a newer one.
    public static let version = 1

    public var schema: Int
    /// What the plan is called.
    public var plan: String
    /// The plan's size.
    public var bytes: Int
    /// Whether the plan holds its weights. One that does not can be inspected, and cannot run.
    public var hasWeights: Bool
    public var settings: PlanSettings
    /// Types in the text form, `f32[rows,288]`.
    public var types: [String]
    /// Every weight that an operation of some stage reads.
    public var weights: [InspectedWeight]
    public var caches: [ScheduledCache]
    /// Before all passes, then after each.
    public var stages: [InspectedPass]
    /// Every kind of operation and instruction that a plan can have, as its record describes it.
    public var opcodes: [InspectedOpcode]
    /// In the order of the plan's tapes.
    public var functions: [InspectedFunction]
    /// What the functions' predicted milliseconds are predicted from; absent where there are none.
    public var prediction: InspectedPrediction?

    /// Without a prediction, which takes a machine.
    /// - Parameters:
    ///   - record: the stages of the passes that the plan was made by.
    ///   - schedule: the plan's.
    ///   - plan: what to call the plan.
    ///   - bytes: its size.
    ///   - hasWeights: whether it holds its weights.
    ///   - labels: the functions to look at, `decode.r32`; nil for all.
    /// - Throws: ``InspectionError`` when the plan's tapes are not what its passes give.
    public init(
        _ record: LoweringRecord, compiler: ModelCompiler, schedule: Schedule, plan: String, bytes: Int,
        hasWeights: Bool, only labels: Set<String>? = nil
    ) throws {
        schema = Self.version
        self.plan = plan
        self.bytes = bytes
        self.hasWeights = hasWeights
        settings = compiler.settings
        caches = schedule.caches
        stages = record.stages.map { InspectedPass(name: $0.name, summary: $0.summary) }
        opcodes = TapeOpcode.all.map(InspectedOpcode.init)
        var symbols = SymbolTable(record, schedule)
        functions = try schedule.functions.filter { labels?.contains($0.label) ?? true }.map { scheduled in
            var recorder = FunctionRecorder(scheduled, symbols: symbols)
            let function = try recorder.record(record, compiler: compiler, schedule: schedule)
            symbols = recorder.symbols
            return function
        }
        types = symbols.types
        weights = symbols.weights
    }
}

/// A stage of the pipeline.
public struct InspectedPass: Codable, Hashable, Sendable {
    public var name: String
    public var summary: String
}

/// A kind of operation, for readers that explain it.
public struct InspectedOpcode: Codable, Hashable, Sendable {
    /// The opcode's name.
    public var name: String
    public var family: OpcodeFamily
    /// The meaning in a few plain words.
    public var summary: String

    init(_ opcode: TapeOpcode) {
        name = opcode.name
        family = opcode.family
        summary = opcode.summary
    }
}

/// A matrix or vector, and the tensor of the checkpoint that it is or is cut from.
public struct InspectedWeight: Codable, Hashable, Sendable {
    public var name: String
    /// How the plan stores it; nil when it does not, since a pass replaced it by others.
    public var format: ElementType?
    /// Outputs by inputs; a vector is one row.
    public var rows: Int
    public var columns: Int
    /// Its size in the plan.
    public var bytes: Int?
    /// The checkpoint's tensor.
    public var tensor: String
    /// The tensor's columns that it is, `from ..< to`; nil for all.
    public var from: Int?
    public var to: Int?
}

/// The names that all functions share, as numbers.
struct SymbolTable {
    private(set) var types: [String] = []
    private var typeNumbers: [TensorType: Int] = [:]
    let weights: [InspectedWeight]
    let weightNumbers: [String: Int]
    let cacheNumbers: [String: Int]

    init(_ record: LoweringRecord, _ schedule: Schedule) {
        var weights: [InspectedWeight] = []
        var numbers: [String: Int] = [:]
        for stage in record.stages {
            for weight in stage.module.weights where numbers[weight.name] == nil {
                numbers[weight.name] = weights.count
                weights.append(InspectedWeight(weight))
            }
        }
        for stored in schedule.weights {
            guard let number = numbers[stored.name] else { continue }
            weights[number].format = stored.format
            weights[number].bytes = stored.byteCount
        }
        self.weights = weights
        weightNumbers = numbers
        cacheNumbers = Dictionary(schedule.caches.enumerated().map { ($1.name, $0) }) { first, _ in first }
    }

    mutating func number(of type: TensorType) -> Int {
        if let number = typeNumbers[type] { return number }
        typeNumbers[type] = types.count
        types.append(type.description)
        return types.count - 1
    }
}

extension InspectedWeight {
    /// As a module declares it, not yet stored.
    init(_ weight: Weight) {
        let extents = weight.type.fixedExtents ?? []
        self.init(
            name: weight.name, rows: extents.count == 2 ? extents[0] : 1, columns: extents.last ?? 1,
            tensor: weight.columns?.source ?? weight.name, from: weight.columns?.from, to: weight.columns?.to)
    }
}
