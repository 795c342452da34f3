/// The facts about a plan's model that running it needs, apart from its sizes.
public struct ModelFacts: Codable, Hashable, Sendable {
    /// The name of the model's family.
    public var architecture: String
    /// The family's word for one run of the recurrent block: recurrence or loop.
    public var loopWord: String
    /// The standard deviation of the normal distribution that fresh states come from, before its truncation; 0 if
    /// positions start from their tokens, whatever their states.
    public var stateDeviation: Float
    /// Whether all recurrences may share one cache entry of a position. Otherwise each needs its own.
    public var sharesCaches: Bool
    /// The largest number of recurrences that the model was trained for; nil if more does no harm.
    public var trainedRecurrence: Int?
    /// Whether every recurrence reads the token's embedding again, so that a state can follow a token that changes.
    public var injectsInput: Bool
    /// Whether the model has a gate that says when a position has had enough recurrences.
    public var hasExitGate: Bool
    /// The tokens that end a text; nil if the checkpoint's configuration files say which do.
    public var stopTokens: [Int]?

    public init(
        architecture: String, loopWord: String = "recurrence", stateDeviation: Float, sharesCaches: Bool,
        trainedRecurrence: Int? = nil,
        injectsInput: Bool, hasExitGate: Bool = false
    ) {
        self.architecture = architecture
        self.loopWord = loopWord
        self.stateDeviation = stateDeviation
        self.sharesCaches = sharesCaches
        self.trainedRecurrence = trainedRecurrence
        self.injectsInput = injectsInput
        self.hasExitGate = hasExitGate
    }

    /// B, the number of cache entries of a position in each recurrent block, if none is asked for.
    public func cacheBudget(recurrence: Int) -> Int { sharesCaches ? 1 : max(1, recurrence) }
}
