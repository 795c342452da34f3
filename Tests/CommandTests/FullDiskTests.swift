import Foundation
import Testing

/// A full disk gives a sentence, and nothing half-written.
@Suite struct FullDiskTests {
    /// A file system of 1 MB for one shell, on systems that allow one.
    static let canMount: Bool = {
        let script = "mount -t tmpfs -o size=1m tmpfs /mnt"
        return (try? shell(["unshare", "-rm", "sh", "-c", script]))?.status == 0
    }()

    @Test(.enabled(if: canMount, "this system does not let us mount a small file system"))
    func `compiling to a full disk is refused and leaves nothing`() throws {
        let run = try onSmallDisk(#""$1" compile "$2" -o odd.plan"#, TestModels.odd)
        #expect(run.status == 1, "\(run.errors)")
        #expect(run.errors.hasPrefix("Error: odd.plan: cannot be written"), "\(run.errors)")
        #expect(run.errors.contains("No space left"), "\(run.errors)")
        #expect(run.text == "", "left behind")
    }

    @Test(.enabled(if: canMount, "this system does not let us mount a small file system"))
    func `a trace or logits on a full disk are refused and leave nothing`() throws {
        let plan = try TestModels.oddPlan
        for command in [
            #""$1" generate "$2" --tokens 1 --max-new-tokens 60 --trace trace.json > /dev/null"#,
            #""$1" logits "$2" --tokens 1,2,3,4,5,6 --recurrence 1 -o logits.safetensors"#,
        ] {
            let run = try onSmallDisk("head -c 1040000 /dev/zero > rest; " + command, plan)
            #expect(run.status == 1, "\(run.errors)")
            #expect(run.errors.contains("Error: ") && run.errors.contains("No space left"), "\(run.errors)")
            #expect(run.text == "rest\n", "left behind")
        }
    }

    @Test(arguments: [8, 64, 4000])
    func `a limit on the size of files is an error, not a signal, and leaves nothing`(_ blocks: Int) throws {
        let folder = try TemporaryFolder()
        let run = try Self.shell([
            "sh", "-c", #"ulimit -f "$3"; exec "$1" compile "$2" -o "$4""#, "sh", EchelonCommand.executable().path,
            TestModels.odd, "\(blocks)", folder.file("odd.plan"),
        ])
        #expect(run.status == 1, "\(run.errors)")
        #expect(run.errors.hasPrefix("Error: ") && run.errors.contains("File too large"), "\(run.errors)")
        #expect(try folder.contents.isEmpty)
    }

    @Test(arguments: [
        ["generate", "Compute 1 + 1.", "--stream"], ["generate", "Compute 1 + 1.", "--json"],
        ["tokenize", TestModels.wordmath, "x"], ["inspect", TestModels.odd],
    ])
    func `standard output that cannot be written to is an error`(_ arguments: [String]) throws {
        let run = try RunningCommand(arguments, output: "/dev/full").wait()
        #expect(run.status == 1)
        #expect(run.errors.contains("Error: Standard output cannot be written to: No space left"), "\(run.errors)")
    }

    @Test func `standard error that cannot be written to changes nothing`() throws {
        let arguments = ["tokenize", TestModels.wordmath, "--decode"]
        let failed = try RunningCommand(arguments + ["seven"], errors: "/dev/full").wait()
        #expect(failed.status == 1)
        let generated = try RunningCommand(["generate", "Compute 1 + 1.", "--threads", "1"], errors: "/dev/full").wait()
        #expect(try generated.succeeded().text.hasSuffix("#### 2\n"))
    }

    // MARK: Helpers

    /// Runs a shell command in a new 1 MB file system, in which `$1` is the command under test. Lists the files
    /// afterwards.
    private func onSmallDisk(_ script: String, _ argument: String) throws -> CommandRun {
        let mount = "mount -t tmpfs -o size=1m tmpfs /mnt && cd /mnt || exit 99; "
        return try Self.shell([
            "unshare", "-rm", "sh", "-c", mount + script + "; status=$?; ls -A; exit $status", "sh",
            EchelonCommand.executable().path, argument,
        ])
    }

    private static func shell(_ command: [String]) throws -> CommandRun {
        try RunningCommand(command, executable: URL(filePath: "/usr/bin/env")).wait()
    }
}
