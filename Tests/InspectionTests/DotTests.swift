import Foundation
import Inspection
import Testing

@Suite struct DotTests {
    @Test(arguments: [true, false])
    func `graphs of every stage are balanced, and every edge has ends`(folding: Bool) throws {
        let inspection = try InspectedModels.small.inspection
        for function in inspection.functions {
            for stage in function.stages {
                let text = DotGraph(inspection, function, stage, folding: folding).text
                let drawn = try graph(text)
                #expect(drawn.edges.allSatisfy { drawn.nodes.contains($0) && drawn.nodes.contains($1) })
                #expect(drawn.edges.count >= drawn.nodes.count - 1, "\(function.label) hangs together")
                if !folding {
                    let loops = Set(stage.loops.map(\.operation))
                    for operation in stage.inOrder where !loops.contains(operation) {
                        #expect(drawn.nodes.contains("op\(operation)"))
                    }
                }
            }
        }
    }

    @Test func `a repetition is folded to one copy with its count`() throws {
        let model = try InspectedModels.full
        let function = try model.function("decode.r32")
        let stage = try #require(function.stages.last)
        let folded = DotGraph(model.inspection, function, stage).text
        #expect(folded.contains("label=\"\(try #require(stage.repetitions.first).count) times\""))
        #expect(folded.contains("style=dashed"), "what goes from one recurrence to the next")
        let all = try graph(DotGraph(model.inspection, function, stage, folding: false).text)
        #expect(try graph(folded).nodes.count < all.nodes.count / 10)
    }

    private struct Drawn {
        var nodes: Set<String> = []
        var edges: [(String, String)] = []
    }

    /// Reads the output of `DotGraph`, which has one statement per line.
    private func graph(_ text: String) throws -> Drawn {
        var drawn = Drawn()
        var depth = 0
        for line in text.split(separator: "\n") {
            // Quotes are balanced on each line, and their contents are arbitrary.
            #expect(line.count(where: { $0 == "\"" }) % 2 == 0, "\(line)")
            let bare = line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 0 }.map(\.element).joined()
            depth += bare.count { $0 == "{" } - bare.count { $0 == "}" }
            #expect(depth >= 0)
            #expect(bare.count { $0 == "[" } == bare.count { $0 == "]" })
            let words = bare.split { " ;".contains($0) }
            if words.count >= 3, words[1] == "->" {
                drawn.edges.append((String(words[0]), String(words[2])))
            } else if let name = words.first, words.count > 1, words[1].hasPrefix("[label=") {
                if name != "graph" { drawn.nodes.insert(String(name)) }
            }
        }
        #expect(depth == 0)
        return drawn
    }
}
