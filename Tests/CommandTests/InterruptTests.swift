import Foundation
import Testing

/// Ctrl-C and similar signals give status 128 + the signal's number, and leave no half-written file.
@Suite struct InterruptTests {
    /// A run that is so long that only an interrupt ends it in time.
    private static let endless = ["Compute 1 + 1.", "--ignore-eos", "--max-new-tokens", "400", "--threads", "1"]

    @Test(arguments: ["diffusion", "autoregressive"])
    func `Ctrl-C ends a generation, and the trace has the steps until then`(_ sampler: String) throws {
        let folder = try TemporaryFolder()
        let command = try RunningCommand(
            ["generate", "--sampler", sampler, "--recurrence", "200", "--exit-threshold", "0", "--freeze", "fixed"]
                + Self.endless + ["--stream", "--trace", folder.file("trace.json")])
        try waitUntil { !command.outputSoFar.isEmpty || !command.isRunning }
        command.send(SIGINT)
        let run = try command.wait()
        #expect(run.status == 130)
        #expect(run.errors.hasSuffix("Interrupted.\n"))
        #expect(try folder.contents == ["trace.json"])
        let trace = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: folder.file("trace.json"))))
        #expect(trace is [String: Any])
    }

    @Test(arguments: [(SIGINT, "1"), (SIGTERM, "2")])
    func `one signal ends a call that would never end`(_ signal: Int32, _ threads: String) throws {
        let command = try RunningCommand([
            "generate", TestModels.wordmathBF16Plan, "Compute 1 + 1.", "--sampler", "autoregressive", "--recurrence",
            "2000000000", "--threads", threads,
        ])
        // The call has begun by now, unless the machine is busy.
        sleep(1)
        #expect(command.isRunning)
        command.send(signal)
        let run = try command.wait()
        #expect(run.status == 128 + signal)
        #expect(run.errors.hasSuffix("Interrupted.\n"))
    }

    /// Nobody reads the standard output yet, which makes the compiler wait at a known place.
    @Test func `Ctrl-C while lowering ends a compilation before it writes`() throws {
        let folder = try TemporaryFolder()
        let fifo = folder.file("output")
        try #require(mkfifo(fifo, 0o600) == 0)
        // The redirection of the shell waits for a reader, which is this process.
        let command = try RunningCommand(
            ["sh", "-c", #"exec "$@" > "$0""#, fifo, EchelonCommand.executable().path, "compile", TestModels.odd]
                + ["-o", folder.file("odd.plan"), "--print-after", "all"],
            executable: URL(filePath: "/usr/bin/env"))
        let reader = try FileHandle(forReadingFrom: URL(filePath: fifo))
        _ = try reader.read(upToCount: 1)
        command.send(SIGINT)
        _ = try reader.readToEnd()
        let run = try command.wait()
        #expect(run.status == 130)
        #expect(run.errors == "Interrupted.\n")
        #expect(try folder.contents == ["output"])
    }

    @Test(arguments: [("INT", SIGINT), ("TERM", SIGTERM), ("HUP", SIGHUP)])
    func `a signal while writing a plan removes what is written`(_ name: String, _ signal: Int32) throws {
        // The parent of this test may ignore signals, and a process would inherit that.
        let run = try interruptedCompilation(["--default-signal=\(name)"], [signal])
        #expect(run.status == 128 + signal)
        #expect(run.errors == "Interrupted.\n")
    }

    @Test func `Ctrl-C twice while writing a plan ends at once, and removes what is written`() throws {
        // Both signals are pending when the process continues, so that the handler of the first is installed when the
        // second arrives.
        let run = try interruptedCompilation(["--default-signal=INT,TERM"], [SIGINT, SIGTERM])
        #expect(run.status == 128 + SIGINT || run.status == 128 + SIGTERM)
        #expect(run.errors == "", "a word of its own means that it went on after the first")
    }

    @Test func `what a killed compilation leaves does not disturb the next one`() throws {
        let folder = try TemporaryFolder()
        _ = try partialCompilation([], in: folder) { command in
            command.send(SIGKILL)
            _ = try? command.wait()
        }
        let left = try folder.contents
        #expect(left.count == 1 && left[0].hasPrefix(".partial-"))
        let plan = folder.file("wordmath.plan")
        _ = try EchelonCommand.run("compile", TestModels.wordmath, "-o", plan).succeeded()
        #expect(try folder.contents == left + ["wordmath.plan"])
        #expect(try generate([plan, "Compute 1 + 1."]).text.hasSuffix("#### 2"))
    }

    /// Sends signals to a compilation while it writes, and expects that it leaves no file.
    /// - Parameter environment: the arguments for `env`, which starts the command.
    private func interruptedCompilation(_ environment: [String], _ signals: [Int32]) throws -> CommandRun {
        for _ in 1...20 {
            let folder = try TemporaryFolder()
            let run = try partialCompilation(environment, in: folder) { command in
                for signal in signals { command.send(signal) }
                command.send(SIGCONT)
                return try command.wait()
            }
            // The file is complete if the process was stopped when only renaming was left.
            if try folder.contents == ["wordmath.plan"] { continue }
            #expect(try folder.contents.isEmpty)
            return run
        }
        throw CommandFault("No compilation could be interrupted while it wrote.")
    }

    /// Stops a compilation as soon as its temporary file exists. A compilation that was faster is repeated.
    private func partialCompilation<Result>(
        _ environment: [String], in folder: TemporaryFolder, _ body: (RunningCommand) throws -> Result
    ) throws -> Result {
        let plan = folder.file("wordmath.plan")
        for _ in 1...20 {
            let command = try RunningCommand(
                environment + [EchelonCommand.executable().path, "compile", TestModels.wordmath, "-o", plan],
                executable: URL(filePath: "/usr/bin/env"))
            try waitUntil(every: 500) { try !folder.contents.isEmpty || !command.isRunning }
            command.send(SIGSTOP)
            let contents = try folder.contents
            if contents.count == 1, contents != ["wordmath.plan"] { return try body(command) }
            command.send(SIGCONT)
            _ = try command.wait()
            try FileManager.default.removeItem(atPath: plan)
        }
        throw CommandFault("No compilation could be stopped while it wrote.")
    }

    @Test func `a generation that is to outlive its terminal does`() throws {
        // The signal has to come after the command has begun to handle signals, so it is sent during its output.
        let command = try RunningCommand(
            ["-c", #"trap "" HUP; exec "$0" "$@""#, EchelonCommand.executable().path, "generate", "--stream"]
                + ["Compute 1 + 1.", "--ignore-eos", "--max-new-tokens", "60", "--threads", "1"],
            executable: URL(filePath: "/bin/sh"))
        try waitUntil { !command.outputSoFar.isEmpty || !command.isRunning }
        command.send(SIGHUP)
        #expect(try command.wait().status == 0)
    }
}
