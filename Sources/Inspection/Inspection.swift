import Compiler
import IR
import NumberFormats
import PlanBuilder
import Plans

/// A complete description of a plan: every function's graph at every stage of the pipeline, the changes of each pass,
/// the results for each operation, the tape, the memory and the costs. `docs/inspect.schema.json` describes its JSON
/// form.
///
/// Things refer to each other by number, which is the index in the list that holds them. Values, operations and costs
/// are numbered within a function; weights, caches, types and stages within the plan.
public struct Inspection: Codable, Hashable, Sendable {
    /// The version of the JSON form. It increases when a reader of older versions would misunderstand a newer one.
    public static let version = 2

    /// The version in which this inspection is written, see ``version``.
    public var schema: Int
    /// The name of the plan.
    public var plan: String
    /// The size of the plan, in bytes.
    public var bytes: Int
    /// Whether the plan stores its weights. A plan without weights can be inspected but not run.
    public var hasWeights: Bool
    /// The settings that the plan was compiled for.
    public var settings: PlanSettings
    /// The types in the text form, such as `f32[rows,288]`.
    public var types: [String]
    /// The weights that the operations of any stage read.
    public var weights: [InspectedWeight]
    /// The caches of the attention blocks.
    public var caches: [ScheduledCache]
    /// The memory of caches in each format and for each usual budget; nil if it was not computed.
    public var cacheMemory: [InspectedCacheMemory]?
    /// The stages of the pipeline: the one before all passes, then one after each pass.
    public var stages: [InspectedPass]
    /// The kinds of operations and instructions that a plan can have, with the descriptions from their records.
    public var opcodes: [InspectedOpcode]
    /// The functions, in the order of the plan's tapes.
    public var functions: [InspectedFunction]
    /// The basis of the functions' predicted times; nil if there is no prediction.
    public var prediction: InspectedPrediction?

    /// Describes a plan, without a prediction, which requires measuring a machine.
    /// - Parameters:
    ///   - record: the stages of the passes that made the plan.
    ///   - schedule: the plan's schedule.
    ///   - plan: the name to show for the plan.
    ///   - bytes: the size of the plan.
    ///   - hasWeights: whether the plan stores its weights.
    ///   - labels: the functions to include, such as `decode.r32`; nil for all.
    /// - Throws: ``InspectionError`` if the plan's tapes differ from those that its passes give.
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
    /// The name of the pass, or `source` for the stage before all passes.
    public var name: String
    /// The effect of the pass, in one sentence.
    public var summary: String
}

/// The description of a kind of operation.
public struct InspectedOpcode: Codable, Hashable, Sendable {
    /// The name of the opcode.
    public var name: String
    /// The group in which pages color and sort the operation.
    public var family: OpcodeFamily
    /// The meaning in a few plain words.
    public var summary: String

    init(_ opcode: TapeOpcode) {
        name = opcode.name
        family = opcode.family
        summary = opcode.summary
    }
}

/// A matrix or vector: a tensor of the checkpoint or a part of one.
public struct InspectedWeight: Codable, Hashable, Sendable {
    /// The name in the module and in the plan.
    public var name: String
    /// The format in which the plan stores it; nil if a pass replaced the weight by others.
    public var format: ElementType?
    /// The number of outputs; 1 for a vector.
    public var rows: Int
    /// The number of inputs, or the length of a vector.
    public var columns: Int
    /// The size in the plan, in bytes; nil if the plan does not store the weight.
    public var bytes: Int?
    /// The origin of the numbers, as the text form of the IR has it: `@w[288,576][:, 0:288]` for columns of a tensor.
    public var source: String
}

/// The numbers of the types, weights and caches that all functions share.
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
    /// A weight as a module declares it, without a stored size.
    init(_ weight: Weight) {
        let extents = weight.type.fixedExtents ?? []
        self.init(
            name: weight.name, rows: extents.count == 2 ? extents[0] : 1, columns: extents.last ?? 1,
            source: weight.sourceText)
    }
}
