import Foundation
import Plans
import Reports
import Testing

/// The output of `bench`, not the speed of anything.
@Suite struct BenchCommandTests {
    private func report(_ arguments: String...) throws -> BenchReport {
        try EchelonCommand.run(["bench", "--quick", "--json", "--threads", "2"] + arguments).json(BenchReport.self)
    }

    @Test func `json has every figure, with times and floors that are times`() throws {
        let report = try report(TestModels.wordmathBF16Plan)
        let probe = report.probe
        #expect(probe.readGbS > 0 && probe.readGbSLeast <= probe.readGbS && probe.readGbS <= probe.readGbSMost)
        #expect(probe.peaks.map(\.product) == ["f32", "bf16", "int8", "int4"])
        #expect(probe.peaks.allSatisfy { $0.tflops > 0 })
        #expect(probe.peakTflops == probe.peaks[1].tflops)
        #expect(probe.threads == 2)

        // The shapes are those of queries, keys and values; projection and adapter; gate and up; down; head.
        let shapes = Set(report.matrices.map { [$0.n, $0.k] })
        #expect(shapes == [[864, 288], [288, 288], [1920, 288], [288, 960], [768, 288]])
        #expect(report.matrices.count == 2 * shapes.count)
        for matrix in report.matrices {
            #expect(matrix.ms > 0 && matrix.bestMs > 0 && matrix.bestMs <= matrix.ms && matrix.floorMs > 0)
            #expect([1, 8].contains(matrix.rows))
        }
        for matrix in report.matrices where matrix.format == .bf16 {
            #expect(matrix.bytes >= 2 * matrix.n * matrix.k)
        }

        #expect(report.functions.map(\.name) == ["step", "step", "prefill", "decode"])
        #expect(report.functions.map(\.rows) == [1, 8, 32, 1])
        #expect(report.functions.map(\.context) == [32, 32, 0, 32])
        #expect(report.functions.map(\.recurrence) == [4, 4, 1, 16])
        #expect(report.functions.allSatisfy { $0.ms > 0 && $0.floorMs > 0 && $0.bytes > 0 && $0.operations > 0 })
        #expect(report.prefill?.rows == 32)
        #expect(report.prefill?.tokensPerSecond ?? 0 > 0)
        #expect(report.autoregressive?.recurrence == 16)
        let rate = try #require(report.autoregressive?.tokensPerSecond)
        #expect(rate > 0)
        #expect(report.diffusion.map(\.rows) == [1, 8])
        for diffusion in report.diffusion {
            #expect(diffusion.innerRecurrence == 4)
            #expect(abs(diffusion.gain * rate / diffusion.tokensPerSecond - 1) < 1e-9)
        }

        #expect(report.tapes.contains { $0.name == "step" && $0.instructions > 0 && $0.arenaBytesPerRow > 0 })
        #expect(report.overhead?.instructionUs ?? 0 > 0)
    }

    @Test func `the shares of a step are those of its instructions, and add up to no more than all of it`() throws {
        let report = try report(TestModels.wordmathPlan, "--only", "functions")
        #expect(report.shares.map(\.rows) == [1, 8])
        for shares in report.shares {
            let kinds = Dictionary(uniqueKeysWithValues: shares.kinds.map { ($0.kind, $0) })
            // There are 2 prelude and 2 coda blocks, and 4 core blocks in each of 4 recurrences.
            #expect(kinds["wavefront_attention"]?.executions == 20)
            #expect(kinds["linear_silu_gate"]?.executions == 20)
            #expect(kinds["linear_argmax"]?.executions == 1)
            #expect(shares.barriers.executions > 0)
            let sum = (shares.kinds + [shares.barriers]).map(\.share).reduce(0, +)
            #expect(sum > 0 && sum <= 1 + 1e-9)
            #expect(shares.kinds.map(\.ms) == shares.kinds.map(\.ms).sorted(by: >))
        }
    }

    @Test func `bf16 caches are counted as half the bytes of f32 ones`() throws {
        let bytes = try ["f32", "bf16"].map { format in
            let report = try report(
                TestModels.oddPlan, "--only", "functions", "--rows", "1", "--cache-format", format)
            return try #require(report.functions.first { $0.name == "decode" }).bytes
        }
        // Keys and values have 33 positions and 160 columns, in two blocks and in three of each of six recurrences.
        #expect(bytes[0] - bytes[1] == (2 + 3 * 6) * 2 * 33 * 160 * 2)
    }

    @Test func `right drafts cost one step a token, and wrong ones what their correction takes`() throws {
        let report = try report(
            TestModels.oddPlan, "--only", "lossless", "--recurrence", "6", "--inner-recurrences", "2",
            "--wrong-drafts", "0,100", "--tokens", "6", "--context", "5", "--sequences", "3")
        #expect(report.lossless.map(\.correction) == [.everyReadOut, .everyReadOut, .atFullDepth])
        // A wrong draft is right at the second read-out, or only at the third and last.
        #expect(report.lossless.map(\.stepsPerToken) == [1, 2, 3])
        #expect(report.lossless.map(\.rows) == [9, 6, 9])
        for wave in report.lossless {
            #expect(wave.msPerStep > 0 && wave.gain > 0 && (0..<1).contains(wave.hostShare))
            // An autoregressive token reads more than a step, but not six recurrences over two times as much.
            #expect((1..<3).contains(wave.gainByBytes))
        }
        #expect(report.autoregressive?.recurrence == 6)
    }

    @Test func `one part can be measured by itself`() throws {
        let matrices = try report(TestModels.oddPlan, "--only", "matrices")
        #expect(!matrices.matrices.isEmpty && matrices.functions.isEmpty && matrices.diffusion.isEmpty)
        #expect(matrices.autoregressive == nil && matrices.prefill == nil && matrices.shares.isEmpty)
        let functions = try report(TestModels.oddPlan, "--only", "functions", "--rows", "3,2,3")
        #expect(functions.matrices.isEmpty)
        #expect(functions.functions.map(\.rows) == [2, 3, 32, 1])
    }

    @Test(arguments: ["f32", "bf16", "int8", "int4"])
    func `a configuration is measured with random weights`(_ weights: String) throws {
        let report = try report("--config", TestModels.odd + "/config.json", "--weights", weights)
        #expect(report.functions.count == 4)
        #expect(report.matrices.allSatisfy { $0.format.rawValue == weights })
        #expect(report.functions.allSatisfy { $0.ms > 0 })
    }

    @Test func `a pass can be left out of what bench compiles, which then reads more`() throws {
        let whole = try report("--config", TestModels.odd + "/config.json", "--only", "functions")
        let unsplit = try report(
            "--config", TestModels.odd + "/config.json", "--only", "functions", "--disable-pass", "split-adapter")
        for (more, less) in zip(unsplit.functions, whole.functions) where more.recurrence > 1 {
            #expect(more.bytes > less.bytes, "\(more.name)")
        }
        try EchelonCommand.run("bench", TestModels.oddPlan, "--disable-pass", "split-adapter").expectRefusal(
            "plan already")
        try EchelonCommand.run("bench", "--disable-pass", "split").expectUsageError("split-adapter")
    }

    @Test func `the configuration of Huginn-0125 is one that can be measured`() throws {
        // The number of rows is refused after it is parsed and before gigabytes of weights are made.
        let config = TestModels.repository.appending(path: "Tools/bench/huginn-0125.json").path
        try EchelonCommand.run("bench", "--config", config, "--rows", "5000")
            .expectRefusal("--rows is 5000", "4095", status: 64)
    }

    @Test func `without json there is a table for people`() throws {
        let text = try EchelonCommand.run("bench", TestModels.oddPlan, "--quick").succeeded().text
        for heading in ["GB/s", "matrix", "floor ms", "tokens/s", "barriers", "share"] {
            #expect(text.contains(heading))
        }
    }

    @Test func `a machine whose speed drifted is named`() {
        func warning(_ least: Double, _ most: Double) -> String? {
            BenchReport.Probe(
                readGbS: least, readGbSLeast: least, readGbSMost: most, peakTflops: 1, peaks: [], threads: 1,
                instructionSet: "avx2"
            ).driftWarning
        }
        #expect(warning(30, 33) == nil && warning(0, 33) == nil)
        #expect(warning(20, 33)?.contains("65% faster") == true)
    }

    // MARK: Refusals

    @Test(arguments: [
        ("--rows", "0"), ("--rows", "1,-8"), ("--rows", "129"), ("--context", "0"), ("--context", "-1"),
        ("--context", "128"), ("--repeats", "0"), ("--repeats", "-1"), ("--repeats", "1001"),
        ("--prefill-recurrence", "-1"),
    ])
    func `a number out of range is refused`(_ option: String, _ value: String) throws {
        let number = value.split(separator: ",").last.map(String.init) ?? value
        try EchelonCommand.run("bench", TestModels.oddPlan, "--quick", "--json", option, value)
            .expectRefusal(number, status: 64)
    }

    @Test(arguments: ["", "8,", "one", "1;2", "99999999999999999999"])
    func `a list of rows that is none is a usage error`(_ rows: String) throws {
        try EchelonCommand.run("bench", TestModels.oddPlan, "--rows", rows).expectUsageError("--rows")
    }

    @Test func `what is to be measured has to be one thing, and there`() throws {
        try EchelonCommand.run("bench", TestModels.oddPlan, "--config", "config.json").expectUsageError("--config")
        try EchelonCommand.run("bench", TestModels.oddPlan, "--only", "everything").expectUsageError("everything")
        try EchelonCommand.run("bench", "/nowhere.plan").expectRefusal("/nowhere.plan")
        try EchelonCommand.run("bench", "--config", "/nowhere.json").expectRefusal("/nowhere.json")
    }

    @Test func `a configuration that is damaged is refused`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("config.json")
        for text in ["", "{", "[]", "{\"model_type\": \"llama\"}", "{\"model_type\": \"huginn_raven\"}"] {
            try Data(text.utf8).write(to: URL(filePath: path))
            try EchelonCommand.run("bench", "--config", path, "--quick").expectRefusal(path)
        }
        try Data([0xFF, 0xFE, 0x00]).write(to: URL(filePath: path))
        try EchelonCommand.run("bench", "--config", path).expectRefusal(path)
    }

    @Test func `Ctrl-C ends a measurement`() throws {
        let command = try RunningCommand(["bench", "--quick", "--repeats", "1000"])
        sleep(1)
        #expect(command.isRunning)
        command.send(SIGINT)
        let run = try command.wait()
        #expect(run.status == 130)
        #expect(run.output.isEmpty)
        #expect(run.errors == "Interrupted.\n")
    }
}
