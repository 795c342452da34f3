import Foundation
import Testing

/// Where commands write: never over a file that they read, and to pipes and devices as they are.
@Suite struct OutputPlaceTests {
    /// A copy of the micro checkpoint, with its plan, in a folder of its own.
    private struct Copies {
        let folder: TemporaryFolder
        var checkpoint: String { folder.file("checkpoint") }
        var weights: String { checkpoint + "/model.safetensors" }
        var plan: String { folder.file("micro.plan") }

        init() throws {
            folder = try TemporaryFolder()
            try FileManager.default.copyItem(atPath: TestModels.micro, toPath: folder.file("checkpoint"))
            try FileManager.default.copyItem(atPath: TestModels.microPlan, toPath: folder.file("micro.plan"))
        }

        func link(_ name: String, to target: String, hard: Bool = false) throws -> String {
            let path = folder.file(name)
            if hard {
                try FileManager.default.linkItem(atPath: target, toPath: path)
            } else {
                try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
            }
            return path
        }
    }

    @Test func `no command writes over a file that it reads`() throws {
        let copies = try Copies()
        let names = [
            copies.weights, copies.checkpoint + "/./config.json", try copies.link("link", to: copies.weights),
            try copies.link("hard", to: copies.weights, hard: true),
        ]
        let plans = [copies.plan, try copies.link("planned", to: copies.plan)]
        let before = try Data(contentsOf: URL(filePath: copies.weights))
        let plan = try Data(contentsOf: URL(filePath: copies.plan))
        var runs: [[String]] = names.map { ["compile", copies.checkpoint, "-o", $0] }
        runs += names.map { ["inspect", copies.checkpoint, "--no-probe", "--format", "text", "-o", $0] }
        runs += plans.flatMap { output in
            [
                ["logits", copies.plan, "--tokens", "1", "--recurrence", "1", "-o", output],
                ["inspect", copies.plan, "--no-probe", "--format", "json", "-o", output],
                ["generate", copies.plan, "--tokens", "1", "--max-new-tokens", "1", "--trace", output],
                ["profile", copies.plan, "--tokens", "1", "--max-new-tokens", "1", "-o", output],
            ]
        }
        for arguments in runs {
            try EchelonCommand.run(arguments).expectRefusal("is the same file as the input", status: 64)
        }
        #expect(try Data(contentsOf: URL(filePath: copies.weights)) == before)
        #expect(try Data(contentsOf: URL(filePath: copies.plan)) == plan)
    }

    @Test func `a module is not written over its source`() throws {
        let folder = try TemporaryFolder()
        let text = "func @f(%x: f32[rows,4]) -> f32[rows,4] {\n  return %x\n}\n"
        let file = folder.file("module.ir")
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        try EchelonCommand.run("opt", file, "-o", file).expectRefusal("same file as the input", status: 64)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
    }

    @Test func `a new file in the folder of a checkpoint is written`() throws {
        let copies = try Copies()
        let plan = copies.checkpoint + "/micro.plan"
        _ = try EchelonCommand.run("compile", copies.checkpoint, "-o", plan).succeeded()
        #expect(FileManager.default.fileExists(atPath: plan))
    }

    @Test func `an output that is a link keeps the link and replaces its target`() throws {
        let copies = try Copies()
        let target = copies.folder.file("old.json")
        try "old".write(toFile: target, atomically: false, encoding: .utf8)
        let link = try copies.link("new.json", to: target)
        _ = try EchelonCommand.run("inspect", copies.plan, "--no-probe", "-o", link).succeeded()
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == target)
        #expect(try String(contentsOfFile: target, encoding: .utf8).hasPrefix("{"))
    }

    @Test func `texts go to standard output by any of its names, and to devices`() throws {
        let plan = try TestModels.microPlan
        let plain = try EchelonCommand.run("inspect", plan, "--no-probe", "--json").succeeded().output
        for name in ["-", "/dev/stdout", "/dev/fd/1"] {
            #expect(
                try EchelonCommand.run("inspect", plan, "--no-probe", "--json", "-o", name).succeeded().output == plain)
        }
        _ = try EchelonCommand.run("inspect", plan, "--no-probe", "-o", "/dev/null", "--format", "json").succeeded()
        let traced = try EchelonCommand.run("generate", plan, "--tokens", "1", "--max-new-tokens", "1", "--trace", "-")
        #expect(try traced.succeeded().text.contains("\"steps\""))
        #expect(!FileManager.default.fileExists(atPath: "-"))
    }

    @Test func `files of numbers are not written to pipes and devices`() throws {
        let plan = try TestModels.microPlan
        for output in ["-", "/dev/stdout", "/dev/null"] {
            for arguments in [
                ["compile", TestModels.micro, "-o", output],
                ["logits", plan, "--tokens", "1", "--recurrence", "1", "-o", output],
                ["profile", plan, "--tokens", "1", "--max-new-tokens", "1", "-o", output],
            ] {
                try EchelonCommand.run(arguments).expectRefusal("is written to a file", status: 64)
            }
        }
    }

    @Test func `two results do not share standard output`() throws {
        try EchelonCommand.run("generate", "2 + 3 = ?", "--json", "--trace", "-").expectUsageError("--trace -")
    }

    @Test(arguments: ["page.pdf", "graph.svg", "page.html.gz"])
    func `an ending that stands for no format is refused`(_ name: String) throws {
        let folder = try TemporaryFolder()
        try EchelonCommand.run("inspect", TestModels.microPlan, "--no-probe", "-o", folder.file(name))
            .expectUsageError("No output format has the ending")
        #expect(!FileManager.default.fileExists(atPath: folder.file(name)))
        _ = try EchelonCommand.run(
            "inspect", TestModels.microPlan, "--no-probe", "--format", "text", "-o", folder.file(name)
        ).succeeded()
    }
}
