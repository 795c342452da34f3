import Failures
import Plans

/// A model as samplers see it: its sizes, and compiled functions that take rows of any mix of sequences.
/// ``PlanModel`` is the real one; a test's can be ten lines.
public protocol RecurrentModel: AnyObject {
    var shape: ModelShape { get }

    /// Runs one function over the rows of `call`. Rows of one sequence need not be in order, but every position before a
    /// row's own has to have been written by an earlier call or be in this one.
    /// - Throws: ``RuntimeError`` when a row's slot, position or token is out of range.
    func evaluate(_ call: RaggedCall) throws -> ModelResult
}

/// The sizes that samplers need.
public struct ModelShape: Hashable, Sendable {
    /// E, the width of a latent state.
    public var width: Int
    /// V, the number of token ids.
    public var vocabulary: Int
    /// The longest sequence, in positions.
    public var context: Int
    /// B, the number of cache entries of a position in each core block.
    public var cacheBudget: Int
    /// The maximum number of rows in a call.
    public var maxRows: Int
    /// The standard deviation of the normal distribution that fresh states come from, before its truncation; 0 if
    /// positions start from their tokens, whatever their states.
    public var stateDeviation: Float

    public init(
        width: Int, vocabulary: Int, context: Int, cacheBudget: Int = 1, maxRows: Int = .max, stateDeviation: Float = 1
    ) {
        self.width = width
        self.vocabulary = vocabulary
        self.context = context
        self.cacheBudget = cacheBudget
        self.maxRows = maxRows
        self.stateDeviation = stateDeviation
    }
}

/// How the rows of one `step` are mixed before its recurrences (arXiv 2510.14961, Algorithm 2).
public struct StepInput: Hashable, Sendable {
    /// E of the previous step, (rows, width); zero rows where a position has none yet.
    public var embeddings: Latents
    /// Fresh initial states to mix in, (rows, width).
    public var noise: Latents
    /// Per row: e ← embeddingNew · prelude(T) + embeddingOld · E.
    public var embeddingNew: [Float]
    public var embeddingOld: [Float]
    /// Per row: S ← stateOld · S + stateNoise · noise.
    public var stateOld: [Float]
    public var stateNoise: [Float]

    public init(
        embeddings: Latents, noise: Latents, embeddingNew: [Float], embeddingOld: [Float], stateOld: [Float],
        stateNoise: [Float]
    ) {
        self.embeddings = embeddings
        self.noise = noise
        self.embeddingNew = embeddingNew
        self.embeddingOld = embeddingOld
        self.stateOld = stateOld
        self.stateNoise = stateNoise
    }
}

/// One call of a compiled function over ragged rows.
public struct RaggedCall: Hashable, Sendable {
    public typealias Function = FunctionName.Kind
    public typealias Head = FunctionName.Head

    public var function: Function
    public var head: Head
    /// The number r of iterations of the core on every row; for a step, r'.
    public var recurrences: Int
    /// Each row's sequence slot and position.
    public var slots: [Int32]
    public var positions: [Int32]
    /// Each row's depth: the recurrences that its position has had since it last started. Recurrence i of the call is
    /// recurrence depth + i of the row. Depths do not rise along the positions of a sequence.
    public var depths: [Int32]
    /// Each row's token.
    public var tokens: [Int32]
    /// The states before the call, (rows, width).
    public var states: Latents
    /// The prelude's outputs for these rows in an earlier call, (rows, width), for `resume` only.
    public var embeddings: Latents?
    /// The mixture before the recurrences, for `step` only.
    public var step: StepInput?

    public init(
        function: Function, head: Head, recurrences: Int, slots: [Int32], positions: [Int32], depths: [Int32]? = nil,
        tokens: [Int32], states: Latents, embeddings: Latents? = nil, step: StepInput? = nil
    ) {
        self.function = function
        self.head = head
        self.recurrences = recurrences
        self.slots = slots
        self.positions = positions
        self.depths = depths ?? [Int32](repeating: 0, count: positions.count)
        self.tokens = tokens
        self.states = states
        self.embeddings = embeddings
        self.step = step
    }
}

/// The result of a call, with one row for each row of the call.
public struct ModelResult: Hashable, Sendable {
    /// The states after the last recurrence, (rows, width).
    public var states: Latents
    /// The largest logit's token of each row, with `Head.token`.
    public var tokens: [Int32]
    /// (rows, vocabulary), with `Head.logits`.
    public var logits: Latents
    /// The rows that stand for the states when they are compared, (rows, width): the states, or a norm of them. With
    /// `Head.logits` of `prefill`.
    public var latents: Latents
    /// The prelude outputs that the recurrences read, (rows, width); mixed ones for `step`, none for `resume`.
    public var embeddings: Latents
    /// The change δ = ‖S − S before the step‖ / ‖S‖ of each row, for `step`.
    public var differences: [Float]
    /// λ, the output of the model's exit gate for each row, with `Head.state` and `Head.logits` of a model that has one.
    public var exitGates: [Float]

    public init(
        states: Latents, tokens: [Int32] = [], logits: Latents = Latents(width: 0),
        latents: Latents = Latents(width: 0),
        embeddings: Latents = Latents(width: 0), differences: [Float] = [], exitGates: [Float] = []
    ) {
        self.states = states
        self.tokens = tokens
        self.logits = logits
        self.latents = latents
        self.embeddings = embeddings
        self.differences = differences
        self.exitGates = exitGates
    }
}

/// The error of a call that cannot be run.
public typealias RuntimeError = Failure<any RecurrentModel>
