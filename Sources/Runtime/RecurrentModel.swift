import Failures
import Plans

/// A model as samplers see it: its sizes, and three compiled functions that take rows of any mix of sequences.
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

    public init(width: Int, vocabulary: Int, context: Int) {
        self.width = width
        self.vocabulary = vocabulary
        self.context = context
    }
}

/// Rows of f32 of one width, row-major: latent states or prelude outputs, one row per position.
public struct Latents: Hashable, Sendable {
    /// Columns of a row.
    public var width: Int
    /// `rows · width` elements.
    public var values: [Float]

    /// The number of rows; 0 if rows have no columns.
    public var rows: Int { width == 0 ? 0 : values.count / width }

    public init(width: Int, values: [Float] = []) {
        self.width = width
        self.values = values
    }

    /// (rows, width) of zeros.
    public static func zeros(rows: Int, width: Int) -> Latents {
        Latents(width: width, values: [Float](repeating: 0, count: rows * width))
    }

    /// Adds the rows of `other`, which has the same width, at the end.
    public mutating func append(_ other: Latents) { values.append(contentsOf: other.values) }
    /// Overwrites the first rows with those of `other`.
    /// - Precondition: `other` has the same width and at most as many rows.
    public mutating func replaceFirst(with other: Latents) {
        values.replaceSubrange(..<other.values.count, with: other.values)
    }
    /// Drops all rows after the first `count`.
    /// - Precondition: `count` does not exceed ``rows``.
    public mutating func keepFirst(_ count: Int) { values.removeSubrange((count * width)...) }
    /// Drops the first `count` rows.
    /// - Precondition: `count` does not exceed ``rows``.
    public mutating func removeFirst(_ count: Int) { values.removeFirst(count * width) }
    /// The rows of a range.
    /// - Precondition: all of them exist.
    public func rows(_ range: Range<Int>) -> Latents {
        Latents(width: width, values: Array(values[range.lowerBound * width..<range.upperBound * width]))
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
    /// The mixture before the recurrences, for `step` only.
    public var step: StepInput?

    public init(
        function: Function, head: Head, recurrences: Int, slots: [Int32], positions: [Int32], depths: [Int32]? = nil,
        tokens: [Int32], states: Latents, step: StepInput? = nil
    ) {
        self.function = function
        self.head = head
        self.recurrences = recurrences
        self.slots = slots
        self.positions = positions
        self.depths = depths ?? [Int32](repeating: 0, count: positions.count)
        self.tokens = tokens
        self.states = states
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
    /// ln_f of the states, (rows, width), with `Head.logits` of `prefill`.
    public var latents: Latents
    /// The mixed prelude outputs E, (rows, width), for `step`.
    public var embeddings: Latents
    /// The change δ = ‖S − S before the step‖ / ‖S‖ of each row, for `step`.
    public var differences: [Float]

    public init(
        states: Latents, tokens: [Int32] = [], logits: Latents = Latents(width: 0),
        latents: Latents = Latents(width: 0),
        embeddings: Latents = Latents(width: 0), differences: [Float] = []
    ) {
        self.states = states
        self.tokens = tokens
        self.logits = logits
        self.latents = latents
        self.embeddings = embeddings
        self.differences = differences
    }
}

/// The error of a call that cannot be run.
public typealias RuntimeError = Failure<any RecurrentModel>
