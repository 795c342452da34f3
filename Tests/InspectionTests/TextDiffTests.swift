import Inspection
import Testing

@Suite struct TextDiffTests {
    private func lines(_ text: some CustomStringConvertible) -> [String] {
        text.description.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func `without its removed lines every difference is the text after the pass`() throws {
        let record = try InspectedModels.small.record
        for (before, after) in zip(record.stages, record.stages.dropFirst()) {
            for function in after.module.functions {
                let old = before.module.function(function.name).map { lines($0) } ?? []
                let diff = TextDiff(from: old, to: lines(function))
                #expect(diff.lines.filter { $0.change != .removed }.map(\.text) == lines(function))
                #expect(diff.lines.filter { $0.change != .added }.map(\.text) == old)
                #expect(diff.isEmpty == (old == lines(function)))
            }
        }
    }

    @Test func `a unified difference gives the second text when it is applied to the first`() throws {
        let record = try InspectedModels.small.record
        for (before, after) in zip(record.stages, record.stages.dropFirst()) {
            let new = lines(try #require(after.module.function("step")))
            let old = lines(try #require(before.module.function("step")))
            let unified = TextDiff(from: old, to: new).hunks().flatMap { [$0.heading] + $0.lines }
            #expect(try apply(unified, to: old) == new, "\(after.name)")
        }
    }

    /// Applies a patch as strictly as `patch` does.
    private func apply(_ unified: [String], to old: [String]) throws -> [String] {
        var result: [String] = []
        var place = 0
        for line in unified {
            if line.hasPrefix("@@") {
                let numbers = line.split { !$0.isNumber }.compactMap { Int($0) }
                let start = numbers[1] == 0 ? numbers[0] : numbers[0] - 1
                result += old[place..<start]
                place = start
                #expect(result.count == (numbers[3] == 0 ? numbers[2] : numbers[2] - 1))
                continue
            }
            let text = String(line.dropFirst())
            if !line.hasPrefix("+") {
                #expect(old[place] == text)
                place += 1
            }
            if !line.hasPrefix("-") { result.append(text) }
        }
        return result + old[place...]
    }

    @Test func `renamed lines stand behind the lines that they were`() {
        let old = ["a", "  %1 = norm %0, @w : f32[rows,8]", "  %2 = add %1, %1 : f32[rows,8]", "z"]
        let new = [
            "a", "  %5 = norm %4, @w : f32[rows,8]", "  %6 = silu %5 : f32[rows,8]",
            "  %7 = add %6, %5 : f32[rows,8]", "z",
        ]
        let changes = TextDiff(from: old, to: new).lines.map { "\($0.change.rawValue)\($0.text.prefix(13))" }
        #expect(
            changes == [
                " a", "-  %1 = norm %", "+  %5 = norm %", "+  %6 = silu %", "-  %2 = add %1", "+  %7 = add %6", " z",
            ])
    }

    @Test func `kept lines far from any change are folded`() {
        let old = (0..<40).map { "line \($0)" }
        var new = old
        new[20] = "another"
        let hunks = TextDiff(from: old, to: new).hunks(context: 2)
        #expect(hunks.map(\.heading) == ["@@ -19,5 +19,5 @@  18 lines unchanged"])
        #expect(
            hunks.first?.lines == [" line 18", " line 19", "-line 20", "+another", " line 21", " line 22"])
        #expect(TextDiff(from: old, to: old).hunks().isEmpty)
    }

    @Test func `what a pass does in every recurrence alike is marked as repeated`() throws {
        let record = try InspectedModels.full.record
        let number = try #require(record.index(of: "fuse-gate"))
        let functions = try record.stages[number - 1...number].map {
            lines(try #require($0.module.function("decode.r32")))
        }
        let hunks = TextDiff(from: functions[0], to: functions[1]).hunks()
        #expect(hunks.count == 4 + 32 * 4, "a gate of each block")
        let shown = hunks.filter { !$0.isRepeated }
        #expect(shown.count >= 8 && shown.count <= 12)
        #expect(shown.allSatisfy { $0.lines.contains { $0.contains("linear_silu_gate") } })
    }
}
