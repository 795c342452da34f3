import Foundation
import Reports
import Testing

/// The table and the trace of `profile` describe what ran. The speed is not tested.
@Suite struct ProfileCommandTests {
    private func profile(_ arguments: [String], threads: Int = 2) throws -> (report: ProfileReport, trace: Timeline) {
        let folder = try TemporaryFolder()
        let path = folder.file("trace.json")
        let report = try EchelonCommand.run(
            ["profile", "--json", "--threads", "\(threads)", "-o", path] + arguments
        ).json(ProfileReport.self)
        #expect(try folder.contents == ["trace.json"])
        return (report, try Timeline(from: Data(contentsOf: URL(filePath: path))))
    }

    // MARK: Recording

    @Test func `a trace has every instruction, each thread's inside of its call and next to no other`() throws {
        let (report, trace) = try profile(
            [TestModels.oddPlan, "--rows", "5", "--context", "20", "--inner-recurrence", "3", "--repeats", "2"])
        #expect(trace.traceEvents.contains { $0.name == "process_name" && $0.args.name?.contains("odd.plan") == true })
        let threads = trace.tracks.filter { $0.value.hasPrefix("thread ") }.keys.sorted()
        #expect((1...2).contains(threads.count) && trace.tracks.values.contains("calls"))

        let calls = trace.traceEvents.filter { $0.cat == .call }
        #expect(calls.count == 2 && report.calls.map(\.count) == [2])
        #expect(calls.allSatisfy { $0.args.rows == 5 && $0.args.context == 20 && $0.tid == 0 })
        #expect(calls[0].start == 0 && calls[0].end <= calls[1].start)
        // Prelude and coda are one block each. The core is three blocks in each of three recurrences.
        #expect(report.kinds.first { $0.kind == "wavefront_attention" }?.count == 2 * (1 + 3 * 3 + 1))

        let executions = report.kinds.map(\.count).reduce(0, +)
        // A thread may have come to an instruction several times.
        #expect(report.events >= executions)
        #expect(report.events == threads.map { trace.events(.instruction, $0).count }.reduce(0, +))
        for thread in threads {
            let instructions = trace.events(.instruction, thread)
            let all = (instructions + trace.events(.barrier, thread)).sorted {
                ($0.start, $0.end) < ($1.start, $1.end)
            }
            for (event, next) in zip(all, all.dropFirst()) { #expect(event.end <= next.start, "events overlap") }
            #expect(all.allSatisfy { event in calls.contains { $0.start <= event.start && event.end <= $0.end } })
            let busy = all.map { $0.end - $0.start }.reduce(0, +)
            #expect(Double(busy) <= report.wallMs * 1e6 + 1)
        }
    }

    @Test func `an instruction tells what it reads and makes, and how fast`() throws {
        let (_, trace) = try profile(
            [TestModels.wordmathBF16Plan, "--rows", "2", "--context", "8", "--repeats", "1"], threads: 1)
        let instructions = trace.events(.instruction, 1)
        #expect(instructions.allSatisfy { $0.args.function == "step.r4" && $0.args.opcode == $0.name })
        #expect(instructions.map(\.args.index) == Array(0..<instructions.count))
        let gates = instructions.filter { $0.name == "linear_silu_gate" }
        #expect(gates.count == 20)
        for gate in gates {
            #expect(gate.args.weights?.hasSuffix(".mlp.fc.weight") == true)
            #expect(gate.args.output?.hasPrefix("%") == true)
            #expect(gate.args.bytes == 1920 * 288 * 2)
            let rate = Double(1920 * 288 * 2) / Double(gate.end - gate.start)
            #expect(abs((gate.args.gbS ?? 0) - rate) < 0.001)
            let share = (gate.args.floorUs ?? 0) * 1000 / Double(gate.end - gate.start)
            #expect(share > 0 && abs((gate.args.floorShare ?? 0) - share) < 0.01)
        }
        // A single thread waits for no other.
        #expect(trace.events(.barrier, 1).isEmpty)
    }

    @Test func `the table's parts are all of the time`() throws {
        let (report, trace) = try profile([TestModels.wordmathPlan, "--rows", "3", "--context", "10"])
        #expect(abs(report.kinds.map(\.share).reduce(report.barriers.share, +) - 1) < 1e-6)
        #expect(abs(report.kinds.map(\.ms).reduce(report.barriers.ms, +) / report.tapeMs - 1) < 1e-6)
        #expect(report.kinds.map(\.ms) == report.kinds.map(\.ms).sorted(by: >))
        #expect(report.tapeMs > 0 && report.tapeMs <= report.wallMs)
        let inCalls = report.calls.map(\.ms).reduce(0, +)
        #expect(abs((inCalls + report.betweenCallsMs) / report.wallMs - 1) < 1e-6)
        #expect(report.calls.allSatisfy { $0.floorMs > 0 && abs($0.floorMs / $0.ms / $0.floorShare - 1) < 1e-6 })
        for kind in report.kinds {
            #expect(abs(kind.gbS - Double(kind.bytes) / kind.ms / 1e6) <= 1e-6 * kind.gbS)
            #expect(abs(kind.floorMs / kind.ms - kind.floorShare) <= 1e-6)
        }
        // The events of the trace are those of the table.
        let ofKind = Dictionary(grouping: trace.traceEvents.filter { $0.cat == .instruction }, by: \.name)
        for kind in report.kinds {
            let threads = Double(trace.tracks.count - 1)
            let ms = Double((ofKind[kind.kind] ?? []).map { $0.end - $0.start }.reduce(0, +)) / 1e6 / threads
            #expect(abs(ms - kind.ms) < 1e-6)
        }
    }

    @Test(arguments: [("decode", 2, "decode.r16"), ("prefill", 7, "prefill")])
    func `other functions can be called`(_ function: String, _ rows: Int, _ label: String) throws {
        let (report, trace) = try profile(
            [TestModels.wordmathPlan, "--function", function, "--rows", "\(rows)", "--context", "3", "--repeats", "1"])
        #expect(report.calls.map(\.name) == [label])
        #expect(report.calls.map(\.maxRows) == [rows])
        #expect(trace.traceEvents.first { $0.cat == .call }?.args.context == 3)
    }

    // MARK: Generations

    @Test(arguments: ["diffusion", "autoregressive"])
    func `a generation is recorded call by call, and is the one of generate`(_ sampler: String) throws {
        let prompt = "Sam has 7 pens. Sam buys 5 pens. How many pens does Sam have?"
        let expected = try generate([prompt, "--sampler", sampler])
        let (report, trace) = try profile([prompt, "--sampler", sampler], threads: 1)
        #expect(report.generation?.sampler.rawValue == sampler)
        #expect(report.generation?.tokens == expected.tokens.count)
        #expect(report.calls.map(\.count).reduce(0, +) == expected.steps + 1, "the prefill is a call and no step")
        #expect(report.droppedEvents == 0)
        let calls = trace.traceEvents.filter { $0.cat == .call }
        #expect(calls.map(\.args.call) == Array(0..<expected.steps + 1))
        #expect(calls.first?.args.rows == expected.promptTokens.count && calls.first?.args.function == "prefill")
        #expect(report.betweenCallsMs > 0)
    }

    @Test func `a checkpoint folder and tokens will do`() throws {
        let (report, _) = try profile([TestModels.odd, "--tokens", "1,2,3", "--max-new-tokens", "2"], threads: 1)
        #expect(report.generation?.tokens ?? 0 >= 2)
    }

    @Test func `a configuration with random weights is profiled, call by call and over a made-up prompt`() throws {
        let model = ["--config", TestModels.odd + "/config.json", "--weights", "int8"]
        let (call, _) = try profile(model + ["--function", "decode", "--repeats", "2"], threads: 1)
        #expect(call.calls.map(\.name) == ["decode.r6"] && call.calls.map(\.count) == [2])
        let matrix = try #require(call.kinds.first { $0.kind == "linear_argmax" })
        // A weight takes one byte, and an output has a scale. The head's 517 outputs are padded to whole strips.
        #expect(matrix.bytes / matrix.count < 517 * 160 * 2, "int8")

        let (generation, trace) = try profile(
            model + ["--prompt-length", "20", "--max-new-tokens", "5", "--sampler", "autoregressive"], threads: 1)
        #expect(generation.generation?.tokens == 5)
        #expect(trace.traceEvents.first { $0.cat == .call }?.args.rows == 20)
        let (given, _) = try profile(model + ["--tokens", "5,6,7", "--max-new-tokens", "2"], threads: 1)
        #expect(given.calls.contains { $0.name == "prefill" && $0.maxRows == 3 })
    }

    @Test func `what a random model cannot do is refused before its weights are made`() throws {
        let huginn = TestModels.repository.appending(path: "Tools/bench/huginn-0125.json").path
        try EchelonCommand.run("profile", "--config", huginn, "--rows", "5000")
            .expectRefusal("--rows is 5000", "4096", status: 64)
        try EchelonCommand.run("profile", "--config", huginn, "--prompt-length", "4096")
            .expectRefusal("--prompt-length is 4096", "4095", status: 64)
        try EchelonCommand.run("profile", "--config", huginn, "Why?").expectUsageError("--prompt-length")
        try EchelonCommand.run("profile", "--config", "/nowhere.json").expectRefusal("/nowhere.json")
    }

    // MARK: Limits

    @Test func `what exceeds the limit on events is dropped, and the report says so`() throws {
        let arguments = [try TestModels.oddPlan, "--rows", "2", "--context", "5", "--repeats", "4"]
        let (whole, _) = try profile(arguments, threads: 1)
        let limit = whole.events / 4 + 10
        let (report, trace) = try profile(arguments + ["--max-events", "\(limit)"], threads: 1)
        #expect(report.events == limit && report.droppedEvents == whole.events - limit)
        #expect(report.calls.map(\.count) == [2])
        #expect(abs(report.kinds.map(\.share).reduce(report.barriers.share, +) - 1) < 1e-6)
        #expect(trace.events(.instruction, 1).count == limit)
        let calls = trace.traceEvents.filter { $0.cat == .call }
        #expect(trace.events(.instruction, 1).allSatisfy { $0.end <= calls[calls.count - 1].end })
        let run = try EchelonCommand.run(["profile"] + arguments + ["--max-events", "\(limit)", "--threads", "1"])
        #expect(try run.succeeded().text.contains("dropped \(report.droppedEvents) events"))
    }

    @Test func `Ctrl-C ends a profile, and leaves no trace`() throws {
        let folder = try TemporaryFolder()
        let command = try RunningCommand(
            ["profile", TestModels.wordmathPlan, "--repeats", "100000", "-o", folder.file("trace.json")])
        sleep(2)
        #expect(command.isRunning)
        command.send(SIGINT)
        let run = try command.wait()
        #expect(run.status == 130)
        #expect(run.output.isEmpty)
        #expect(try folder.contents.isEmpty)
    }

    // MARK: For people

    @Test func `without json there is a table, and without -o no file`() throws {
        let folder = try TemporaryFolder()
        let run = try EchelonCommand.run(["profile", "--rows", "2", "--repeats", "1"], in: folder.path).succeeded()
        for word in ["the embedded checkpoint", "step.r4", "linear_silu_gate", "barrier", "of floor", "GB/s"] {
            #expect(run.text.contains(word))
        }
        #expect(try folder.contents.isEmpty)
    }

    // MARK: Refusals

    @Test(arguments: [
        ["--rows", "0"], ["--rows", "-1"], ["--rows", "129"], ["--context", "-1"], ["--context", "128"],
        ["--repeats", "0"], ["--max-events", "0"], ["--max-events", "-5"], ["--inner-recurrence", "-1"],
    ])
    func `a number out of range is refused`(_ option: [String]) throws {
        try EchelonCommand.run(["profile", TestModels.oddPlan] + option).expectRefusal(option[1], status: 64)
    }

    @Test func `more events than memory has room for are refused`() throws {
        try EchelonCommand.run("profile", TestModels.oddPlan, "--max-events", "1000000000").expectRefusal("1000000000")
    }

    @Test func `options that contradict each other are usage errors`() throws {
        let plan = try TestModels.oddPlan
        try EchelonCommand.run("profile", plan, "--tokens", "1", "--rows", "2").expectUsageError("--rows")
        try EchelonCommand.run("profile", plan, "--tokens", "1", "--function", "step").expectUsageError("--function")
        try EchelonCommand.run("profile", plan, "--sampler", "autoregressive").expectUsageError("--function decode")
        try EchelonCommand.run("profile", plan, "--function", "think").expectUsageError("think")
        try EchelonCommand.run("profile", plan, "a prompt", "--tokens", "1").expectUsageError("--tokens")
        try EchelonCommand.run("profile", plan, "--raw").expectUsageError("--raw")
        try EchelonCommand.run("profile", plan, "--raw").expectUsageError("echelon profile --help")
        try EchelonCommand.run("profile", plan, "--prompt-length", "3", "--raw").expectUsageError("--raw")
        try EchelonCommand.run("profile", plan, "--prompt-length", "3", "--tokens", "1").expectUsageError("--tokens")
        try EchelonCommand.run("profile", plan, "--prompt-length", "3", "--rows", "1").expectUsageError("--rows")
    }

    @Test func `a model that is not there and a place that cannot be written are refused before anything runs`() throws
    {
        try EchelonCommand.run("profile", "missing.plan").expectRefusal("missing.plan")
        try EchelonCommand.run("profile", "-o", "/nowhere/trace.json").expectRefusal("/nowhere/trace.json")
    }
}

extension Timeline {
    /// The names of the tracks.
    fileprivate var tracks: [Int: String] {
        let names = traceEvents.filter { $0.ph == "M" && $0.name == "thread_name" }
        return Dictionary(uniqueKeysWithValues: names.map { ($0.tid ?? -1, $0.args.name ?? "") })
    }

    fileprivate func events(_ category: Category, _ track: Int) -> [Event] {
        traceEvents.filter { $0.ph == "X" && $0.cat == category && $0.tid == track }
    }
}
