/// The JSON that `logits --json` prints about the file that it wrote.
package struct LogitsReport: Codable, Hashable, Sendable {
    package var output: String
    package var positions: Int
    package var vocabulary: Int
    package var width: Int
    package var recurrence: Int
    package var seconds: Double

    package init(output: String, positions: Int, vocabulary: Int, width: Int, recurrence: Int, seconds: Double) {
        self.output = output
        self.positions = positions
        self.vocabulary = vocabulary
        self.width = width
        self.recurrence = recurrence
        self.seconds = seconds
    }
}
