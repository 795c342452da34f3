import Failures
import Foundation
import NumberFormats
import Safetensors

/// A compiled model: the schedule, the settings that it was compiled for, the checkpoint's own documents, and the weights as
/// the executor reads them. It needs nothing else to run, not even the checkpoint.
public struct Plan: Sendable {
    /// Everything in the plan except its weights.
    public let contents: PlanContents
    /// False for a plan that can only be inspected: its schedule names weights that it does not store.
    public let hasWeights: Bool
    private let file: SafetensorsFile

    /// The size of the whole plan, in bytes.
    public var byteCount: Int { file.file.count }

    /// The stored bytes of a weight, 64-byte aligned. They are valid as long as the plan: keep the plan with the pointer.
    public func unownedBytes(of weight: ScheduledWeight) throws -> UnsafeRawBufferPointer {
        try requireWeights()
        return try file.unownedBytes(of: weight.name)
    }

    /// Checks that the plan can be run.
    /// - Throws: ``PlanError`` if the plan stores no weights.
    public func requireWeights() throws {
        guard hasWeights else {
            throw PlanError(
                "The plan has no weights to run with: it was compiled with --no-weights, to be inspected. Compile a "
                    + "checkpoint without that option.")
        }
    }

    init(contents: PlanContents, hasWeights: Bool, file: SafetensorsFile) {
        self.contents = contents
        self.hasWeights = hasWeights
        self.file = file
    }
}

/// Everything in a plan except its weights.
public struct PlanContents: Codable, Hashable, Sendable {
    public var settings: PlanSettings
    public var schedule: Schedule
    /// The checkpoint's files by name, such as `config.json` and `tokenizer.json`, as text.
    public var documents: [String: String]

    public init(settings: PlanSettings, schedule: Schedule, documents: [String: String]) {
        self.settings = settings
        self.schedule = schedule
        self.documents = documents
    }
}

/// The settings that a plan was compiled for.
public struct PlanSettings: Codable, Hashable, Sendable {
    /// The facts about the model.
    public var model: ModelFacts
    /// The width E of a latent state, in columns.
    public var width: Int
    /// The number V of token ids.
    public var vocabulary: Int
    /// The length of the longest sequence, in positions.
    public var context: Int
    /// The maximum number of rows in a call.
    public var maxRows: Int
    /// The format of the matrices to which no rule applies.
    public var weights: ElementType
    /// The formats of matrices by name. The first rule that matches applies.
    public var weightRules: [WeightRule]
    /// The number of recurrences of a decode that are unrolled. A call with any other number runs as a loop.
    public var recurrence: Int
    /// The number of recurrences of a step that are unrolled. A call with any other number runs as a loop.
    public var innerRecurrence: Int
    /// The names of the compiler's passes that ran, in order.
    public var passes: [String]

    public init(
        model: ModelFacts, width: Int, vocabulary: Int, context: Int, maxRows: Int, weights: ElementType,
        weightRules: [WeightRule] = [], recurrence: Int, innerRecurrence: Int, passes: [String]
    ) {
        self.model = model
        self.width = width
        self.vocabulary = vocabulary
        self.context = context
        self.maxRows = maxRows
        self.weights = weights
        self.weightRules = weightRules
        self.recurrence = recurrence
        self.innerRecurrence = innerRecurrence
        self.passes = passes
    }
}

/// The format of matrices whose names match a shell-style pattern.
public struct WeightRule: Codable, Hashable, Sendable {
    /// The pattern. `*` stands for any characters, `?` for one, `[0-3]` and `[!0-3]` for one in or outside a set.
    public var pattern: String
    /// The format of the matrices that match.
    public var format: ElementType

    public init(pattern: String, format: ElementType) {
        self.pattern = pattern
        self.format = format
    }
}

/// The error of a plan that cannot be written or read.
public typealias PlanError = Failure<Plan>
