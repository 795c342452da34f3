import Plans

/// The call whose work and time `inspect` shows.
struct InspectCall {
    let rows: Int
    /// Positions before the first row.
    let context: Int

    private static let usualContext = 512

    /// - Parameter context: The positions before the rows; nil for 512, or as many as fit.
    /// - Throws: ``UsageError`` if the plan does not allow such a call.
    init(_ plan: Plan, rows: Int, context: Int?) throws {
        let settings = plan.contents.settings
        guard rows <= settings.maxRows else {
            throw UsageError("--rows is \(rows); a call of this plan has at most \(settings.maxRows).")
        }
        let room = settings.context - rows
        if let context, context > room {
            throw UsageError("--context is \(context); with \(rows) rows there is room for \(room) positions.")
        }
        self.rows = rows
        self.context = context ?? min(Self.usualContext, room)
    }
}
