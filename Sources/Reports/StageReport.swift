/// The JSON that `inspect --stage NAME --json` prints.
package struct StageReport: Codable, Hashable, Sendable {
    package var stage: String
    /// The graph, or the tapes, in the text form.
    package var graph: String

    package init(stage: String, graph: String) {
        self.stage = stage
        self.graph = graph
    }
}
