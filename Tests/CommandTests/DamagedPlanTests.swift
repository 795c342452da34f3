import Foundation
import Testing

/// Damaged plans on the command line. PlansTests opens far more of them, without a process for each.
@Suite struct DamagedPlanTests {
    @Test func `a plan cut anywhere is refused`() throws {
        let plan = try Data(contentsOf: URL(filePath: TestModels.oddPlan))
        let pages = plan.count / 4096
        let cuts =
            [0, 1, 7, 8, 9, 4095] + stride(from: 1, through: pages - 1, by: max(1, pages / 14)).map { $0 * 4096 }
        for count in cuts + [plan.count - 1] { try refuse(plan.prefix(count), "cut at \(count)") }
    }

    @Test func `a plan with any byte changed is refused`() throws {
        let plan = try Data(contentsOf: URL(filePath: TestModels.oddPlan))
        // The places are in the header's length, the header, and the data, at uneven offsets.
        let offsets = [0, 1, 3, 7, 8, 9, 60, 1001, 4097] + stride(from: 20_011, to: plan.count, by: plan.count / 12)
        for offset in offsets + [plan.count - 1] {
            var changed = plan
            changed[offset] ^= 1 << UInt8(offset % 8)
            try refuse(changed, "byte \(offset)")
        }
    }

    @Test func `bytes behind a plan are refused`() throws {
        try refuse(Data(contentsOf: URL(filePath: TestModels.oddPlan)) + [0], "one byte more")
    }

    @Test func `a plan of a newer version is refused as such`() throws {
        var plan = try Data(contentsOf: URL(filePath: TestModels.oddPlan))
        let version = try #require(plan.range(of: Data("\"version\":\"".utf8))).upperBound
        try #require(plan[version + 1] == UInt8(ascii: "\""), "the version has one digit")
        plan[version] = UInt8(ascii: "9")
        let run = try refuse(plan, "version 9")
        #expect(run.errors.contains("has version 9") && run.errors.contains("newer"), "\(run.errors)")
    }

    @Test func `files that are no plans are refused as such`() throws {
        try EchelonCommand.run("generate", TestModels.odd + "/model.safetensors", "--tokens", "1")
            .expectRefusal("not a plan", "echelon compile")
        try EchelonCommand.run("inspect", TestModels.odd + "/config.json").expectRefusal("config.json")
        try EchelonCommand.run("inspect", "/dev/null").expectRefusal("/dev/null")
    }

    @discardableResult
    private func refuse(_ plan: Data, _ what: Comment) throws -> CommandRun {
        let folder = try TemporaryFolder()
        let path = folder.file("damaged.plan")
        try plan.write(to: URL(filePath: path))
        let run = try EchelonCommand.run("generate", path, "--tokens", "1,2", "--max-new-tokens", "2")
        run.expectRefusal("damaged.plan")
        #expect(run.status == 1, what)
        return run
    }
}
