import Foundation
import Plans
import Testing

@Suite struct PlanWritingFailureTests {
    struct Interruption: Error {}

    @Test func `an error while weights are supplied leaves nothing behind, or what was there before`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        let failing: Plan.WeightSource = { weight, append in
            if weight.name == "bias" { throw Interruption() }
            try sample.source()(weight, append)
        }
        #expect(throws: Interruption.self) {
            try Plan.write(sample.contents, to: folder.path("a"), weights: failing)
        }
        #expect(try folder.contents == [])

        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        let before = try Data(contentsOf: folder.url.appending(path: "a"))
        #expect(throws: Interruption.self) {
            try Plan.write(sample.contents, to: folder.path("a"), weights: failing)
        }
        #expect(try folder.contents == ["a"])
        #expect(try Data(contentsOf: folder.url.appending(path: "a")) == before)
    }

    @Test(arguments: [-1, 1])
    func `a weight of the wrong size is refused by name, and nothing is left`(_ surplus: Int) throws {
        var sample = SamplePlan()
        if surplus > 0 { sample.weights["matrix"]?.append(0) } else { sample.weights["matrix"]?.removeLast() }
        let folder = try TemporaryFolder()
        let error = #expect(throws: (any Error).self) {
            try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        }
        #expect(String(describing: error).contains("matrix"))
        #expect(try folder.contents == [])
    }

    @Test func `a folder that does not exist is refused before any weight is asked for`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        var asked = false
        #expect(throws: (any Error).self) {
            try Plan.write(sample.contents, to: folder.path("missing/a")) { _, _ in asked = true }
        }
        #expect(!asked)
    }

    @Test func `two weights of one name are refused`() throws {
        var sample = SamplePlan()
        sample.contents.schedule.weights.append(sample.contents.schedule.weights[0])
        let folder = try TemporaryFolder()
        #expect(throws: (any Error).self) {
            try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        }
        #expect(try folder.contents == [])
    }
}
