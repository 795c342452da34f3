import Runtime

/// The evaluation in pieces of a call whose last row alone is read: the prefill of a prompt.
///
/// A piece gives some positions some of the recurrences, so that a long prompt can share calls with sequences that
/// decode. The result does not depend on the division:
/// - by recurrences, because a row's state passes from piece to piece, and recurrence t of all rows of a piece runs
///   before recurrence t + 1 of any;
/// - by positions, if the cache keeps an entry per recurrence, because later positions then find what they would have
///   found in a common call. With fewer entries all positions stay together.
///
/// With a ``SequenceCall/settleThreshold`` a piece is one recurrence of the positions that have not settled. A settled
/// position lends its newest cache entry to later recurrences of the others.
struct PromptPieces {
    /// Rows to evaluate together, with positions of their own: settled rows leave gaps.
    struct Piece {
        var positions: [Int32]
        var call: SequenceCall
    }

    let call: SequenceCall
    private let dividesPositions: Bool
    private var chunk: Chunk

    /// Rows that take their recurrences together.
    private struct Chunk {
        /// The rows of the call. Those before them are complete; those after them have not begun.
        var rows: Range<Int>
        /// A state for each row.
        var states: Latents
        /// The prelude's outputs, a row each; nil until the model has returned them.
        var embeddings: Latents?
        /// The recurrences that each row has had.
        var depths: [Int32]
        /// The rows that have not settled, by index in the chunk.
        var active: [Int]
        /// The recurrences that the active rows have had.
        var depth = 0
    }

    init(_ call: SequenceCall, shape: ModelShape) {
        self.call = call
        dividesPositions = shape.cacheBudget >= call.recurrences
        chunk = Chunk(rows: 0..<0, states: Latents(width: call.states.width), depths: [], active: [])
    }

    /// The recurrences that the rows under way still take.
    var remainingRecurrences: Int { call.recurrences - chunk.depth }

    /// Whether rows are under way, which keep their number until they are complete.
    private var hasBegun: Bool { !chunk.rows.isEmpty }

    /// The next piece.
    /// - Parameters:
    ///   - recurrences: the maximum number of recurrences of the piece.
    ///   - room: the maximum number of rows to begin with.
    ///   - mustBegin: whether rows that have to stay together begin even if there is no room for all.
    /// - Returns: nil if there is no room. Without a result the next piece is the same.
    mutating func next(recurrences: Int, room: Int, mustBegin: Bool) -> Piece? {
        if !hasBegun {
            let waiting = call.tokens.count - chunk.rows.upperBound
            let count = dividesPositions ? min(waiting, mustBegin ? max(room, 1) : room) : waiting
            guard count > 0, count <= room || mustBegin else { return nil }
            begin(chunk.rows.upperBound..<chunk.rows.upperBound + count)
        }
        let isLastRecurrence: Bool
        let step: Int
        if call.settleThreshold != nil {
            // A read-out of its own: rows settle at different times.
            isLastRecurrence = chunk.active.isEmpty || remainingRecurrences == 0
            step = isLastRecurrence ? 0 : 1
        } else {
            step = min(recurrences, remainingRecurrences)
            isLastRecurrence = step == remainingRecurrences
        }
        let rows = isLastRecurrence ? Array(0..<chunk.rows.count) : chunk.active
        return piece(rows, recurrences: step, head: isLastRecurrence ? finalHead : .state)
    }

    /// Rows before the last one need the coda, which writes its caches, but no logits.
    private var finalHead: RaggedCall.Head { chunk.rows.upperBound == call.tokens.count ? call.head : .token }

    private mutating func begin(_ rows: Range<Int>) {
        chunk = Chunk(
            rows: rows, states: call.states.rows(rows), depths: Array(call.depths[rows]), active: Array(0..<rows.count))
    }

    private func piece(_ rows: [Int], recurrences: Int, head: RaggedCall.Head) -> Piece {
        func selected(_ latents: Latents) -> Latents {
            rows.count == chunk.rows.count ? latents : latents.rows(rows)
        }
        let first = chunk.rows.lowerBound
        return Piece(
            positions: rows.map { Int32(call.start + first + $0) },
            call: SequenceCall(
                function: chunk.embeddings == nil ? .prefill : .resume, head: head, recurrences: recurrences,
                start: call.start + first, tokens: rows.map { call.tokens[first + $0] },
                depths: rows.map { chunk.depths[$0] }, states: selected(chunk.states),
                embeddings: chunk.embeddings.map(selected)))
    }

    /// Takes the result of the piece that ``next(recurrences:room:mustBegin:)`` returned last.
    /// - Returns: the result of the whole call after its last piece, else nil.
    mutating func receive(_ result: ModelResult, of piece: Piece) -> ModelResult? {
        let isComplete = piece.call.head != .state
        if isComplete {
            chunk.rows = chunk.rows.upperBound..<chunk.rows.upperBound
            chunk.depth = 0
            let rows = piece.positions.count
            return chunk.rows.upperBound == call.tokens.count ? result.part(rows - 1..<rows, of: rows) : nil
        }
        if chunk.embeddings == nil, result.embeddings.rows == chunk.rows.count { chunk.embeddings = result.embeddings }
        chunk.depth += piece.call.recurrences
        for row in chunk.active { chunk.depths[row] += Int32(piece.call.recurrences) }
        settle(result.states)
        return nil
    }

    /// Stores the new states of the active rows, and retires those that have settled.
    private mutating func settle(_ states: Latents) {
        var remaining: [Int] = []
        for (index, row) in chunk.active.enumerated() {
            let hasSettled =
                call.settleThreshold.map { threshold in
                    states.relativeChange(ofRow: index, from: chunk.states, row: row) < threshold
                } ?? false
            chunk.states.setRow(row, to: states, row: index)
            if !hasSettled { remaining.append(row) }
        }
        chunk.active = remaining
    }
}
