import Checkpoints
import IR
import Plans

/// A family of looped models: how its configuration is read, and how its computation is written in the IR.
///
/// A conforming type is the configuration of one model. ``ArchitectureRegistry`` lists the types.
public protocol Architecture: Sendable {
    /// The facts that all models of the family share.
    static var record: ArchitectureRecord { get }

    /// Whether a checkpoint is of this family. At most one family claims a checkpoint.
    /// - Parameter tensors: the names of the checkpoint's tensors; nil if there is only a configuration.
    static func claims(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws -> Bool

    /// Reads a configuration that the family claims.
    /// - Throws: ``CheckpointError`` that names a key that is missing, of the wrong kind, contradicted by another or by a
    ///   tensor, or asks for an unsupported variant.
    init(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws

    /// The sizes and defaults of the model.
    var shape: ArchitectureShape { get }

    /// The matrices of embedding and head.
    var vocabularyMatrices: VocabularyMatrices { get }

    /// Writes the parts of the model that the functions of a plan are composed of.
    /// - Parameter context: the longest sequence that the plan is for. Some rotary embeddings depend on it.
    func graph(context: Int) -> any LoopedGraph
}

extension Architecture {
    /// The model's facts that a plan carries.
    public var facts: ModelFacts {
        Self.record.facts(stateDeviation: shape.stateDeviation, trainedRecurrence: shape.trainedRecurrence)
    }

    /// All functions of the model, verified.
    public func module(context: Int) throws -> Module {
        try ModelFunctions(graph(context: context), injectsInput: Self.record.injectsInput).module()
    }
}

/// The facts that all models of a family share.
public struct ArchitectureRecord: Sendable {
    /// The name in plans and listings.
    public var name: String
    /// The name in texts.
    public var title: String
    /// The paper that introduced the family.
    public var paper: String
    /// The published checkpoints, as their hub names them.
    public var checkpoints: [String]
    /// The word for one run of the recurrent block: recurrence, loop or cycle.
    public var loopWord: String
    /// Whether every recurrence reads the token's embedding again, so that a state can follow a token that changes.
    public var injectsInput: Bool
    /// Whether read-outs before the last recurrence were trained.
    public var readsEarly: Bool
    /// Whether all recurrences may share one cache entry of a position. Otherwise each needs its own.
    public var sharesCaches: Bool
    /// Whether the model has a gate that says when a position has had enough recurrences.
    public var hasExitGate: Bool
    /// The tokens that end a text.
    public var stopTokens: StopTokens
    /// Sentences on what to know before using the family.
    public var notes: [String]

    /// The facts that a plan of a model of the family carries.
    public func facts(stateDeviation: Float = 0, trainedRecurrence: Int? = nil) -> ModelFacts {
        ModelFacts(
            architecture: name, loopWord: loopWord, stateDeviation: stateDeviation, sharesCaches: sharesCaches,
            trainedRecurrence: trainedRecurrence, injectsInput: injectsInput, hasExitGate: hasExitGate)
    }

    public init(
        name: String, title: String, paper: String, checkpoints: [String], loopWord: String, injectsInput: Bool,
        readsEarly: Bool, sharesCaches: Bool, hasExitGate: Bool = false,
        stopTokens: StopTokens = .configured, notes: [String] = []
    ) {
        self.name = name
        self.title = title
        self.paper = paper
        self.checkpoints = checkpoints
        self.loopWord = loopWord
        self.injectsInput = injectsInput
        self.readsEarly = readsEarly
        self.sharesCaches = sharesCaches
        self.hasExitGate = hasExitGate
        self.stopTokens = stopTokens
        self.notes = notes
    }
}

/// The source of the tokens that end a text.
public enum StopTokens: Hashable, Sendable {
    /// `eos_token_id` of `generation_config.json` or, if there is none, of `config.json`.
    case configured
    /// The end token of the tokenizer. The ids of the configuration files are those of another vocabulary.
    case tokenizerOnly
    /// The configured ones, and these texts where the tokenizer has them as tokens.
    case configuredAnd([String])

    /// The ids; nil if the configuration files have all of them.
    /// - Parameter documents: the texts of the checkpoint's documents by their file names.
    /// - Throws: an error that says what is wrong with a document.
    public func ids(_ documents: [String: String]) throws -> [Int]? {
        switch self {
        case .configured: return nil
        case .tokenizerOnly:
            let configuration = try TokenizerConfiguration(documents: documents, folder: "the model")
            return try Self.ids([configuration.specialTokens["eos_token"]].compactMap(\.self), documents)
        case .configuredAnd(let texts):
            let configured = try GenerationConfiguration(documents: documents).stopTokens
            return configured + (try Self.ids(texts, documents).filter { !configured.contains($0) })
        }
    }

    /// The ids of tokens by their texts; none without a tokenizer.
    private static func ids(_ texts: [String], _ documents: [String: String]) throws -> [Int] {
        guard !texts.isEmpty, let json = documents[CheckpointDocument.tokenizer.rawValue] else { return [] }
        let configuration = try TokenizerConfiguration(documents: documents, folder: "the model")
        let tokenizer = try Tokenizer(json: json.utf8, declaring: configuration.declaredTokens)
        return texts.compactMap { tokenizer.id(of: $0).map(Int.init) }
    }
}

/// The sizes and defaults of a model.
public struct ArchitectureShape: Hashable, Sendable {
    /// E, the width of the residual stream.
    public var width: Int
    /// V, the number of rows of the embedding.
    public var vocabulary: Int
    /// The maximum number of positions of a sequence.
    public var context: Int
    /// r, the default number of recurrences.
    public var recurrence: Int
    /// The largest number of recurrences that the model was trained for; nil if more does no harm.
    public var trainedRecurrence: Int?
    /// The standard deviation of the normal distribution that fresh states come from, before its truncation; 0 if
    /// positions start from their tokens.
    public var stateDeviation: Float

    public init(
        width: Int, vocabulary: Int, context: Int, recurrence: Int, trainedRecurrence: Int? = nil, stateDeviation: Float
    ) {
        self.width = width
        self.vocabulary = vocabulary
        self.context = context
        self.recurrence = recurrence
        self.trainedRecurrence = trainedRecurrence
        self.stateDeviation = stateDeviation
    }
}

/// The matrices of embedding and head.
public struct VocabularyMatrices: Hashable, Sendable {
    /// The name of the embedding's matrix in the IR.
    public var embedding: String
    /// The name of the head's matrix, which is the embedding's if the checkpoint ties them.
    public var head: String
    /// The names under which a file may store a tied matrix; empty if the two are not tied.
    public var tiedNames: [String]
    /// The key of `config.json` that ties the two.
    public var tieKey: String

    public init(embedding: String, head: String, tieKey: String, isTied: Bool) {
        self.embedding = embedding
        self.head = isTied ? embedding : head
        tiedNames = isTied ? [embedding, head] : []
        self.tieKey = tieKey
    }
}
