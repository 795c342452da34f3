/// A drawing of a function's graph at one stage, in the language of Graphviz. Operations are boxes, loops are clusters,
/// and values are edges.
///
/// Parameters with one number per row, such as slots and positions, have no edges, because almost every operation reads
/// them. Weights have none either: the boxes name them.
public struct DotGraph {
    private let inspection: Inspection
    private let function: InspectedFunction
    private let stage: InspectedStage
    private var fold: Fold?
    /// The node that computes each value.
    private var sources: [Int: String] = [:]
    private var edges: [Edge] = []
    private var known: Set<Edge> = []

    private struct Edge: Hashable {
        var from: String
        var to: String
        /// Whether the edge leads from one iteration to the next.
        var isCarried = false
    }

    /// - Parameter folding: whether only one copy of a repeated stretch is drawn.
    public init(
        _ inspection: Inspection, _ function: InspectedFunction, _ stage: InspectedStage, folding: Bool = true
    ) {
        self.inspection = inspection
        self.function = function
        self.stage = stage
        fold = folding ? stage.repetitions.first.map { Fold($0, stage.operations) } : nil
    }

    /// The graph as Graphviz text.
    public var text: String {
        var graph = self
        return graph.render()
    }

    private mutating func render() -> String {
        let title = "\(function.label) after \(inspection.stages[stage.stage].name)"
        var lines = [
            "digraph \(quoted(function.label)) {",
            "  graph [label=\(quoted(title)), labelloc=t, fontname=\"Helvetica\", ranksep=0.3, nodesep=0.25];",
            "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f6f8\", color=\"#8895a3\","
                + " fontname=\"Helvetica\", fontsize=11, margin=\"0.12,0.05\"];",
            "  edge [color=\"#6b7886\", fontname=\"Helvetica\", fontsize=9, arrowsize=0.6];",
        ]
        for (index, parameter) in function.parameters.enumerated() {
            if isScalar(parameter) { continue }
            sources[parameter] = "in\(index)"
            lines.append("  in\(index) [label=\(valueLabel(parameter)), shape=ellipse];")
        }
        let bodies = Dictionary(stage.loops.map { ($0.operation, $0) }) { first, _ in first }
        let clusterAt = fold?.clusterPlace
        for (place, operation) in stage.operations.enumerated() {
            if let fold, fold.isFolded(place) { continue }
            if place == clusterAt, let fold {
                let label = "\(fold.repetition.count) times"
                lines += ["  subgraph cluster_recurrence {", "    label=\(quoted(label)); \(Self.cluster)"]
            }
            if let loop = bodies[operation] {
                lines += cluster(loop)
            } else {
                lines.append(node(operation))
            }
            if place == fold?.clusterEnd { lines.append("  }") }
        }
        connect(bodies)
        for (index, value) in stage.returns.enumerated() {
            lines.append("  out\(index) [label=\(valueLabel(value)), shape=ellipse];")
            connect(value, to: "out\(index)")
        }
        lines += edges.map(line)
        return (lines + ["}"]).joined(separator: "\n") + "\n"
    }

    private static let cluster = "style=\"rounded,filled\"; fillcolor=\"#eef4fb\"; color=\"#7aa2d4\"; fontsize=12;"

    // MARK: Nodes

    private func cluster(_ loop: InspectedLoop) -> [String] {
        let count = loop.count.map { "\($0) times" } ?? "as often as the caller says"
        var lines = ["  subgraph cluster_\(loop.operation) {", "    label=\"\(count)\"; \(Self.cluster)"]
        for (index, parameter) in loop.parameters.enumerated() {
            lines.append("    carried\(loop.operation)_\(index) [label=\(valueLabel(parameter)), shape=ellipse];")
        }
        return lines + loop.operations.map { "  " + node($0) } + ["  }"]
    }

    private func node(_ number: Int) -> String {
        let operation = function.operations[number]
        var rows = [operation.opcode]
        rows += operation.weights.map { inspection.weights[$0].name }
        if let cache = operation.cache { rows.append("cache \(inspection.caches[cache].name)") }
        if let attributes = operation.attributes { rows.append(attributes) }
        rows += operation.results.map { "\(function.values[$0].name): \(type($0))" }
        return "  op\(number) [label=\(quoted(rows.joined(separator: "\n")))];"
    }

    private func type(_ value: Int) -> String { inspection.types[function.values[value].type] }

    private func isScalar(_ value: Int) -> Bool { type(value).hasSuffix("[rows]") && type(value).hasPrefix("i32") }

    private func valueLabel(_ value: Int) -> String { quoted("\(function.values[value].name)\n\(type(value))") }

    private func quoted(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        return "\"\(escaped)\""
    }

    // MARK: Edges

    private mutating func connect(_ bodies: [Int: InspectedLoop]) {
        for (place, operation) in stage.operations.enumerated() {
            guard let loop = bodies[operation] else {
                connect(operation, at: place)
                continue
            }
            let initial = function.operations[operation].operands
            for (index, (parameter, first)) in zip(loop.parameters, initial).enumerated() {
                let carried = "carried\(loop.operation)_\(index)"
                connect(first, to: carried)
                sources[parameter] = carried
            }
            for inner in loop.operations { connect(inner, at: nil) }
            for (index, next) in loop.yields.enumerated() {
                connect(next, to: "carried\(loop.operation)_\(index)", isCarried: true)
                let results = function.operations[operation].results
                if index < results.count { sources[results[index]] = sources[next] }
            }
        }
    }

    private mutating func connect(_ operation: Int, at place: Int?) {
        let drawn = place.flatMap { fold?.drawn($0) } ?? operation
        for operand in function.operations[operation].operands {
            // An edge from another copy is carried from one copy to the next.
            let isCarried = place.map { fold?.isFromEarlierCopy(operand, at: $0) ?? false } ?? false
            connect(operand, to: "op\(drawn)", isCarried: isCarried)
        }
        for result in function.operations[operation].results {
            sources[result] = "op\(drawn)"
            if let place { fold?.define(result, at: place) }
        }
    }

    private mutating func connect(_ value: Int, to node: String, isCarried: Bool = false) {
        guard let source = sources[value] else { return }
        let edge = Edge(from: source, to: node, isCarried: isCarried)
        if known.insert(edge).inserted { edges.append(edge) }
    }

    private func line(_ edge: Edge) -> String {
        "  \(edge.from) -> \(edge.to)" + (edge.isCarried ? " [style=dashed, constraint=false];" : ";")
    }
}

/// A repetition of which only one copy is drawn.
private struct Fold {
    let repetition: Repetition
    private let operations: [Int]
    private var copies: [Int: Int] = [:]

    init(_ repetition: Repetition, _ operations: [Int]) {
        self.repetition = repetition
        self.operations = operations
    }

    private var range: Range<Int> {
        repetition.start..<repetition.start + repetition.period * repetition.count
    }

    /// The index of the first operation of the copy that is drawn, which is the first one.
    var clusterPlace: Int { repetition.start }
    var clusterEnd: Int { repetition.start + repetition.period - 1 }

    func isFolded(_ place: Int) -> Bool { range.contains(place) && place > clusterEnd }

    /// The index of the operation that is drawn for the one at `place`.
    func drawn(_ place: Int) -> Int {
        guard range.contains(place) else { return operations[place] }
        return operations[repetition.start + (place - repetition.start) % repetition.period]
    }

    private func copy(_ place: Int) -> Int? {
        range.contains(place) ? (place - repetition.start) / repetition.period : nil
    }

    mutating func define(_ value: Int, at place: Int) { copies[value] = copy(place) }

    func isFromEarlierCopy(_ value: Int, at place: Int) -> Bool {
        guard let mine = copy(place), let its = copies[value] else { return false }
        return its != mine
    }
}
