import Samplers
import Testing

/// The choice of r' from given times of steps.
@Suite struct InnerRecurrenceChoiceTests {
    /// The time of a step as a multiple of the core's time for one row: prelude and coda, and r' recurrences, at a
    /// price that depends on the number of rows.
    private static func choice(
        r: Int, maxRows: Int = 1024, price: (Int) -> Double
    ) -> (chosen: InnerRecurrenceChoice.Timing, measured: [[Int]]) {
        var measured: [[Int]] = []
        let chosen = InnerRecurrenceChoice.choose(recurrence: r, maxRows: maxRows) { rows, inner in
            measured.append([inner, rows])
            return (1 + Double(inner)) * price(rows)
        }
        return (chosen, measured)
    }

    @Test func `rows for free make every recurrence a step, and nothing longer is measured`() {
        let (chosen, measured) = Self.choice(r: 32) { _ in 1 }
        #expect(chosen == .init(innerRecurrence: 1, rows: 32, seconds: 2, singleRowSeconds: 2))
        // One row with 2 recurrences already takes 3.
        #expect(measured == [[1, 1], [1, 32], [2, 1]])
    }

    @Test func `the smallest r' whose rows cost what one costs has the shortest step`() {
        // Up to 8 rows are free, and then each costs an eighth: r' = 1 takes 2 · 4, r' = 2 takes 3 · 2, r' = 4 takes 5.
        let (chosen, _) = Self.choice(r: 32) { max(1, Double($0) / 8) }
        #expect(chosen == .init(innerRecurrence: 4, rows: 8, seconds: 5, singleRowSeconds: 5))
    }

    @Test func `rows that cost as much as calls leave one row`() {
        #expect(Self.choice(r: 32) { Double($0) }.chosen.innerRecurrence == 32)
        #expect(Self.choice(r: 12) { Double($0) }.chosen.innerRecurrence == 12)
    }

    @Test func `times within the scatter are equal, and the larger r' drafts better`() {
        // r' = 1 takes 2 · 1.45 = 2.9, and r' = 2 takes 3.
        #expect(Self.choice(r: 8) { $0 == 8 ? 1.45 : 1 }.chosen.innerRecurrence == 2)
        #expect(Self.choice(r: 8) { $0 == 8 ? 1.4 : 1 }.chosen.innerRecurrence == 1)
    }

    @Test func `r' with more rows than a call has are left out`() {
        #expect(Self.choice(r: 32, maxRows: 10) { _ in 1 }.measured == [[4, 1], [4, 8], [8, 1]])
        #expect(Self.choice(r: 12, maxRows: 1) { _ in 1 }.measured == [[12, 1]])
        #expect(Self.choice(r: 1) { _ in 1 }.chosen.innerRecurrence == 1)
    }
}
