import Runtime

/// The rule by which adaptive depth decides that a position has had enough recurrences.
///
/// Each compares the position after its newest recurrences with the same position one check earlier. They are those of
/// the code published with arXiv 2502.05171; section 6.1 of that paper stops by `kl`.
public enum ExitCriterion: String, Hashable, Sendable, Codable, CaseIterable {
    case latentDiff = "latent-diff"
    case cosine
    case entropyDiff = "entropy-diff"
    case kl
    case minPKL = "minp-kl"
    case argmaxStability = "argmax-stability"
    /// The model's own gate (arXiv 2510.25741): the recurrences end when the probability that the gate gives to
    /// ending by now reaches the threshold. A threshold of 1 or more never ends them, as in the published models: their
    /// sums only reach 1 by rounding.
    case exitGate = "exit-gate"

    /// The threshold if none is given.
    public var defaultThreshold: Float { record.threshold }
    /// Whether the value is computed from logits, so that the coda and the head run for every check.
    public var readsLogits: Bool {
        switch record.value {
        case .states, .gate: false
        case .logits: true
        }
    }
    /// Whether the value is computed from the model's exit gate.
    public var readsGate: Bool { self == .exitGate }

    /// Whether a value ends the recurrences. NaN does not.
    public func isMet(_ value: Float, threshold: Float) -> Bool {
        switch record.stop {
        case .below: value < threshold
        case .reached: value >= threshold
        case .reachedBelowOne: value >= threshold && threshold < 1
        }
    }

    /// The value of a check.
    /// - Returns: NaN if a state is zero, which has no direction.
    public func value(of check: ExitCheck) -> Float {
        switch record.value {
        case .states(let difference):
            // The prompt has one value for all its positions: their mean.
            let rows = check.states.rows
            let sum = (0..<rows).reduce(0.0) { $0 + difference(StatePair(row: $1, of: check)) }
            return Float(sum / Double(rows))
        case .logits(let value), .gate(let value): return Float(value(check))
        }
    }

    /// All that distinguishes one criterion from another.
    private struct Record {
        enum Value {
            /// A difference of two states of one position.
            case states((StatePair) -> Double)
            case logits((ExitCheck) -> Double)
            case gate((ExitCheck) -> Double)
        }
        /// The values that end the recurrences: those below the threshold, from the threshold on, or from it on if it is
        /// below 1.
        enum Stop { case below, reached, reachedBelowOne }

        var threshold: Float
        var stop = Stop.below
        var value: Value
    }

    private var record: Record {
        switch self {
        case .latentDiff:
            Record(threshold: 0.03, value: .states { ($0.differenceSquared / $0.stateSquared).squareRoot() })
        case .cosine:
            Record(
                threshold: 1e-3,
                value: .states { 1 - $0.product / ($0.stateSquared * $0.previousSquared).squareRoot() })
        case .entropyDiff:
            Record(
                threshold: 1e-3,
                value: .logits { check in
                    // The published code starts from 100, which is larger than any entropy.
                    let previous = check.previousLogits.map { TokenDistribution(logits: $0).entropy } ?? 100
                    return abs(TokenDistribution(logits: check.logits).entropy - previous)
                })
        case .kl:
            Record(
                threshold: 1e-3,
                value: .logits { check in
                    check.previousDistribution.divergence(from: TokenDistribution(logits: check.logits))
                })
        case .minPKL:
            Record(
                threshold: 1e-5,
                value: .logits { check in
                    let current = TokenDistribution(logits: check.logits).levelled
                    return check.previousDistribution.levelled.divergence(from: current)
                })
        case .argmaxStability:
            Record(
                threshold: 5, stop: .reached,
                value: .logits { check in
                    guard let previous = check.previousLogits, largest(previous) == largest(check.logits) else {
                        return 0
                    }
                    return Double(check.previousValue ?? 0) + 1
                })
        case .exitGate:
            Record(
                threshold: 1, stop: .reachedBelowOne,
                value: .gate { check in
                    // The probability of ending by now: p₁ + … + pₜ, with pₜ = λₜ (1 − p₁ − … − pₜ₋₁).
                    let before = Double(check.previousValue ?? 0)
                    return before + Double(check.exitGate ?? 1) * (1 - before)
                })
        }
    }
}

/// The input of a criterion: one position, or all positions of the prompt, at two successive checks.
public struct ExitCheck: Hashable, Sendable {
    /// (rows, width)
    public var states: Latents
    /// The states of the check before; those before the first recurrence at the first.
    public var previousStates: Latents
    /// The logits of the last row; empty for a criterion that does not read them.
    public var logits: [Float]
    /// Those of the check before; nil at the first.
    public var previousLogits: [Float]?
    /// The value of the check before; nil at the first.
    public var previousValue: Float?
    /// λ, the gate's output for the last row; nil if the call did not compute it, as the last one need not.
    public var exitGate: Float?

    public init(
        states: Latents, previousStates: Latents, logits: [Float] = [], previousLogits: [Float]? = nil,
        previousValue: Float? = nil, exitGate: Float? = nil
    ) {
        self.states = states
        self.previousStates = previousStates
        self.logits = logits
        self.previousLogits = previousLogits
        self.previousValue = previousValue
        self.exitGate = exitGate
    }

    /// The probabilities of the check before; before the first all tokens are equally probable.
    fileprivate var previousDistribution: TokenDistribution {
        TokenDistribution(logits: previousLogits ?? [Float](repeating: 0, count: logits.count))
    }
}

/// The sums over two states of one position from which differences are computed.
private struct StatePair {
    var stateSquared = 0.0
    var previousSquared = 0.0
    var product = 0.0
    var differenceSquared = 0.0

    init(row: Int, of check: ExitCheck) {
        for element in row * check.states.width..<(row + 1) * check.states.width {
            let new = Double(check.states.values[element])
            let old = Double(check.previousStates.values[element])
            stateSquared += new * new
            previousSquared += old * old
            product += new * old
            differenceSquared += (new - old) * (new - old)
        }
    }
}

/// The first token of the largest logit.
private func largest(_ logits: [Float]) -> Int? { logits.indices.max { logits[$0] < logits[$1] } }
