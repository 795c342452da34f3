/// The steps of the lossless wavefront that read out, for ``DraftCorrection/asNeeded``: every step in which a new
/// position runs, and fewer while none enters, because those only check drafts.
struct ReadOutPace: Sendable {
    private let innerRecurrence: Int
    /// The steps from the last read-out to the next one.
    private var interval = 1
    /// The steps since the last read-out.
    private var skippedSteps = 0
    /// The read-outs up to the last one that changed a draft, without one between them that changed none.
    private var changesInARow = 0

    /// - Parameter innerRecurrence: r', at least 1.
    init(innerRecurrence: Int) { self.innerRecurrence = innerRecurrence }

    /// Whether the next step reads out.
    var isDue: Bool { skippedSteps + 1 >= interval }

    /// Whether the newest draft is likely to change again, so that no position should read it yet.
    ///
    /// After n changes in a row another one is about n times as likely as none. If it comes, having waited saves a
    /// prelude; if not, having waited costs a step of r' recurrences. So waiting pays if n exceeds about r', where prelude
    /// and core have the same number of blocks.
    var isUnsettled: Bool { changesInARow > innerRecurrence }

    /// Counts a step that reads nothing out.
    mutating func skipStep() { skippedSteps += 1 }

    /// Counts a read-out.
    mutating func readOut(changedDraft: Bool) {
        skippedSteps = 0
        changesInARow = changedDraft ? changesInARow + 1 : 0
    }

    /// Chooses the next step that reads out.
    /// - Parameter positionEnters: whether a new position has become active after the last read-out.
    mutating func scheduleNext(positionEnters: Bool) {
        if positionEnters {
            interval = 1
        } else if changesInARow > 0 {
            interval = 2
        } else {
            // A draft that turns right after n steps is then corrected after 4n steps at the latest.
            interval *= 4
        }
    }
}
