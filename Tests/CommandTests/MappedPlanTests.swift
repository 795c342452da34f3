import Foundation
import Testing

/// Plans that somebody else writes to while they are in use: the command ends with a sentence and status 1.
@Suite struct MappedPlanTests {
    /// A generation that takes some seconds, and has begun.
    private func generation(from plan: String, tokens: String) throws -> RunningCommand {
        let command = try RunningCommand([
            "generate", plan, "Compute 1 + 1.", "--ignore-eos", "--max-new-tokens", tokens, "--sampler",
            "autoregressive",
            "--recurrence", "60", "--stream",
        ])
        try waitUntil { !command.outputSoFar.isEmpty || !command.isRunning }
        return command
    }

    private func copiedPlan(in folder: TemporaryFolder) throws -> String {
        let plan = folder.file("model.plan")
        try FileManager.default.copyItem(atPath: TestModels.wordmathBF16Plan, toPath: plan)
        return plan
    }

    @Test func `a plan that is cut short ends a generation with a sentence`() throws {
        let folder = try TemporaryFolder()
        let plan = try copiedPlan(in: folder)
        let command = try generation(from: plan, tokens: "400")
        #expect(truncate(plan, 4096) == 0)
        let run = try command.wait()
        #expect(run.status == 1)
        #expect(run.errors.hasPrefix("Error: \(plan): ") && run.errors.contains("cut short"), "\(run.errors)")
        #expect(run.errors.count(where: \.isNewline) == 1)
    }

    @Test func `a plan that is changed in its place is an error at the end`() throws {
        let folder = try TemporaryFolder()
        let plan = try copiedPlan(in: folder)
        let command = try generation(from: plan, tokens: "40")
        let file = try FileHandle(forUpdating: URL(filePath: plan))
        try file.seek(toOffset: 1_000_000)
        try file.write(contentsOf: Data([1]))
        try file.close()
        let run = try command.wait()
        #expect(run.status == 1)
        #expect(run.errors.contains("\(plan): was changed while it was in use"), "\(run.errors)")
    }

    @Test func `a plan that is replaced by another file does no harm`() throws {
        let folder = try TemporaryFolder()
        let plan = try copiedPlan(in: folder)
        let command = try generation(from: plan, tokens: "40")
        try Data("another".utf8).write(to: URL(filePath: folder.file("other")))
        #expect(rename(folder.file("other"), plan) == 0)
        #expect(try command.wait().status == 0)
    }
}
