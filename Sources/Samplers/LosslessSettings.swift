/// The settings of the lossless wavefront, in addition to ``GenerationSettings``.
public struct LosslessSettings: Hashable, Sendable, Codable {
    /// r, the recurrences after which a position's token is final.
    public var recurrence = 32
    /// r', the recurrences that every active position gets in a step.
    public var innerRecurrence = 4
    /// The schedule of the read-outs that check drafts.
    public var correction = DraftCorrection.asNeeded
    /// The number of steps from one read-out of a position to the next, for ``DraftCorrection/everyReadOut``.
    public var readEvery = 1
    /// X, the step of a position that reads out its second proposal, for ``DraftCorrection/twoProposals``; if none is
    /// given, the step halfway to r.
    public var secondProposal: Int?

    public init() {}

    /// - Throws: ``SettingError`` naming the setting out of its range.
    public func validate() throws {
        try checkSetting("recurrence", recurrence, atLeast: 1)
        try checkSetting("inner recurrence", innerRecurrence, atLeast: 1)
        try checkSetting("number of steps between read-outs", readEvery, atLeast: 1)
        if let secondProposal { try checkSetting("step of the second proposal", secondProposal, atLeast: 2) }
    }

    /// ⌈r / r'⌉: the steps that take a position to depth r, and the maximum number of active positions.
    public var stepsPerPosition: Int { stepsToDepth(recurrence) }

    /// The step of a position that reads out its second proposal.
    public var secondProposalStep: Int { secondProposal ?? max(2, (stepsPerPosition + 1) / 2) }

    /// Whether a position is read out at the end of the step that takes it to `depth`, 1 to r. With
    /// ``DraftCorrection/asNeeded`` the whole wave decides as well: ``ReadOutPace``.
    func readsOut(atDepth depth: Int) -> Bool {
        let step = stepsToDepth(depth)
        if step == 1 || depth == recurrence { return true }
        return switch correction {
        case .asNeeded: true
        case .everyReadOut: (step - 1) % readEvery == 0
        case .atFullDepth: false
        case .twoProposals: step == secondProposalStep
        }
    }

    private func stepsToDepth(_ depth: Int) -> Int { (depth + innerRecurrence - 1) / innerRecurrence }
}

/// The schedule by which the lossless wavefront reads positions out again and corrects their drafts. A position is read
/// out after its first step, which gives the draft, and at depth r in any case. All schedules give the same tokens, in
/// different numbers of steps.
public enum DraftCorrection: String, CaseIterable, Hashable, Sendable, Codable {
    /// Every position in every step, as long as new positions enter. While none does, fewer steps read out.
    case asNeeded = "as-needed"
    /// Read-outs between these, ``LosslessSettings/readEvery`` steps apart.
    case everyReadOut = "every-read-out"
    /// No other read-out: the schedule of WaveFront Decoding (arXiv 2609.23033).
    case atFullDepth = "at-full-depth"
    /// One more read-out, at step ``LosslessSettings/secondProposal``: the schedule of LoopSpec (arXiv 2609.17184), but
    /// with one branch. A second proposal that differs replaces the first one.
    case twoProposals = "two-proposals"
}
