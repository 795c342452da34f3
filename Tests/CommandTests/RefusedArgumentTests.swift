import Foundation
import Testing

/// The command lines that cannot be carried out (status 1) and those that cannot be parsed (status 64).
@Suite struct RefusedArgumentTests {
    // MARK: Settings

    /// An option, a value out of its range, and the expected part of the message.
    @Test(arguments: [
        ("--max-wavefront", "0", "wavefront limit is 0"), ("--max-wavefront", "-1", "wavefront limit is -1"),
        ("--recurrence", "-1", "recurrence is -1"), ("--recurrence", "0", "recurrence is 0"),
        ("--recurrence", "1000000000000", "recurrence is 1000000000000"),
        ("--inner-recurrence", "0", "inner recurrence is 0"), ("--inner-recurrence", "-4", "inner recurrence is -4"),
        ("--headway", "0", "headway is 0"), ("--headway", "9223372036854775807", "headway"),
        ("--exit-threshold", "nan", "exit threshold is nan"), ("--exit-threshold", "-1", "exit threshold is -1"),
        ("--exit-threshold", "inf", "exit threshold"), ("--embedding-ema", "nan", "EMA is nan"),
        ("--embedding-ema", "1.5", "EMA is 1.5"), ("--state-noise", "nan", "state noise is nan"),
        ("--state-noise", "-0.5", "state noise is -0.5"), ("--init-scale", "nan", "init scale is nan"),
        ("--init-scale", "inf", "init scale is inf"), ("--init-scale", "-1", "init scale is -1"),
        ("--temperature", "nan", "temperature is nan"), ("--temperature", "-1", "temperature is -1"),
        ("--top-k", "-1", "top-k is -1"), ("--top-p", "nan", "top-p is nan"), ("--top-p", "1.5", "top-p is 1.5"),
        ("--min-p", "nan", "min-p is nan"), ("--min-p", "-1", "min-p is -1"),
        ("--repetition-penalty", "nan", "repetition penalty is nan"),
        ("--repetition-penalty", "0", "repetition penalty is 0"), ("--max-new-tokens", "-1", "new tokens is -1"),
    ])
    func `a setting out of its range is refused`(_ option: String, _ value: String, _ message: String) throws {
        try EchelonCommand.run("generate", TestModels.oddPlan, "--tokens", "1,2", option, value)
            .expectRefusal(message, status: 64)
    }

    @Test(arguments: ["0", "-1", "1000000"])
    func `a number of threads out of its range is refused`(_ threads: String) throws {
        try EchelonCommand.run("generate", TestModels.oddPlan, "--tokens", "1,2", "--threads", threads)
            .expectUsageError("--threads is \(threads)")
    }

    @Test func `a setting out of range of the autoregressive sampler is refused`() throws {
        for (option, value) in [
            ("--recurrence", "-1"), ("--kv-budget", "0"), ("--kv-budget", "-3"), ("--kv-budget", "9223372036854775807"),
            ("--temperature", "nan"),
        ] {
            let run = try EchelonCommand.run(
                "generate", TestModels.oddPlan, "--tokens", "1,2", "--sampler", "autoregressive", option, value)
            run.expectRefusal(value, status: 64)
        }
    }

    /// The sampler depends on the model, so that this is known only with the model.
    @Test func `a cache budget that the model's sampler does not take is refused`() throws {
        try EchelonCommand.run("generate", TestModels.oddPlan, "--tokens", "1,2", "--kv-budget", "2")
            .expectRefusal("--kv-budget 2 needs --sampler autoregressive", status: 64)
    }

    @Test func `caches larger than memory are refused`() throws {
        try EchelonCommand.run(
            "generate", TestModels.oddPlan, "--tokens", "1,2", "--sampler", "autoregressive", "--kv-budget",
            "2000000000"
        ).expectRefusal("2000000000 entries", "are available")
    }

    @Test func `settings at the ends of their ranges are taken`() throws {
        for options in [
            ["--max-wavefront", "1"], ["--headway", "1000"], ["--init-scale", "1e38"], ["--top-p", "0"],
            ["--temperature", "1e-40"], ["--max-wavefront", "2147483647"], ["--exit-threshold", "0"], ["--top-k", "1"],
            ["--seed", "18446744073709551615"], ["--max-new-tokens", "0"], ["--recurrence", "0", "--no-prefill"],
            ["--recurrence", "0", "--sampler", "autoregressive"], ["--threads", "16"],
        ] {
            let arguments = ["generate", try TestModels.oddPlan, "--tokens", "1,2", "--max-new-tokens", "3"] + options
            #expect(try EchelonCommand.run(arguments).status == 0, "\(options)")
        }
    }

    // MARK: Prompts

    @Test(arguments: ["diffusion", "autoregressive"])
    func `token ids out of range and prompts that fill the context are refused`(_ sampler: String) throws {
        let full = [String](repeating: "1", count: 128).joined(separator: ",")
        for (tokens, message) in [
            ("1,517", "517"), ("-1", "-1"), ("1,-2", "-2"), ("2147483647", "2147483647"), (" ", "empty"),
            (full, "context"),
        ] {
            try EchelonCommand.run("generate", TestModels.oddPlan, "--tokens", tokens, "--sampler", sampler)
                .expectRefusal(message)
        }
    }

    @Test func `a text longer than the context is refused`() throws {
        let text = Data(String(repeating: "pens and ", count: 20_000).utf8)
        try EchelonCommand.run(["generate", TestModels.wordmathPlan, "-"], input: text).expectRefusal("context is 512")
    }

    @Test func `a model alone is told that the prompt is missing`() throws {
        try EchelonCommand.run("generate", TestModels.oddPlan).expectRefusal("A prompt for", "missing")
    }

    /// Otherwise, a misspelt name would become a question for the embedded model.
    @Test(arguments: ["generate", "profile"])
    func `one word that looks like a file's name is no prompt`(_ command: String) throws {
        for name in ["missing.plan", "models/missing", "./missing", "/nowhere"] {
            try EchelonCommand.run(command, name).expectRefusal("no checkpoint folder at \(name)", "give -")
        }
    }

    @Test func `generate and profile refuse the same prompts`() throws {
        for command in ["generate", "profile"] {
            try EchelonCommand.run(command, "a", "b", "c").expectUsageError("Too many")
            try EchelonCommand.run(command, "--tokens", "1", "--raw").expectUsageError("--raw")
            try EchelonCommand.run(command, "--tokens", "1", "--system", "x").expectUsageError("--system")
            try EchelonCommand.run(command, "x y", "--raw", "--system", "x").expectUsageError("--raw")
            try EchelonCommand.run([command, "-"], input: Data([0xC3, 0x28])).expectRefusal("UTF-8")
            try EchelonCommand.run(command, TestModels.oddPlan, "hello").expectRefusal("no tokenizer.json", "--tokens")
        }
    }

    @Test(arguments: ["generate", "profile"])
    func `a prompt without text is refused`(_ command: String) throws {
        try EchelonCommand.run(command, TestModels.wordmathPlan, "").expectRefusal("empty")
        try EchelonCommand.run(command, " \n").expectRefusal("empty")
        try EchelonCommand.run(command, "-").expectRefusal("standard input has no text")
    }

    @Test func `standard input that cannot be read is an error in plain words`() throws {
        let run = try EchelonCommand.run(
            ["-c", #"exec "$0" generate - < /"#, EchelonCommand.executable().path],
            executable: URL(filePath: "/bin/sh"))
        run.expectRefusal("Standard input cannot be read: Is a directory")
    }

    /// Otherwise, it would go unnoticed that the plan's own formats are used.
    @Test func `formats of weights for what is a plan already are refused`() throws {
        let plan = try TestModels.oddPlan
        for command in [
            ["generate", plan, "--tokens", "1"], ["profile", plan], ["bench", plan], ["inspect", plan],
        ] {
            for option in [["--weights", "int8"], ["--weights-for", "head=int8"]] {
                try EchelonCommand.run(command + option).expectRefusal(option[0], "odd.plan is a plan")
            }
        }
    }

    @Test func `logits of impossible requests are refused, and nothing is written`() throws {
        let folder = try TemporaryFolder()
        let output = folder.file("x")
        let long = [String](repeating: "1", count: 129).joined(separator: ",")
        for (options, message, status) in [
            (["--tokens", "1,517", "--recurrence", "2"], "517", 1), (["--tokens", "-1", "--recurrence", "2"], "-1", 1),
            (["--tokens", " ", "--recurrence", "2"], "empty", 64),
            (["--tokens", "1", "--recurrence", "-1"], "-1", 64),
            (["--tokens", "1", "--recurrence", "99999999999"], "99999999999", 64),
            (["--tokens", long, "--recurrence", "1"], "context of 128", 1),
            (["--tokens", "1", "--recurrence", "1", "--init-scale", "nan"], "nan", 64),
        ] as [([String], String, Int32)] {
            try EchelonCommand.run(["logits", TestModels.oddPlan, "--output", output] + options)
                .expectRefusal(message, status: status)
        }
        try EchelonCommand.run(
            "logits", TestModels.oddPlan, "--output", folder.file("missing/x"), "--tokens", "1", "--recurrence", "1"
        ).expectRefusal("No such file or directory")
        #expect(try folder.contents.isEmpty)
    }

    @Test func `a trace that cannot be written is an error before anything is generated`() throws {
        let folder = try TemporaryFolder()
        let arguments = ["generate", try TestModels.oddPlan, "--tokens", "1", "--ignore-eos", "--stream", "--trace"]
        try EchelonCommand.run(arguments + [folder.file("missing/trace.json")])
            .expectRefusal("No such file or directory")
        try EchelonCommand.run(arguments + [folder.path]).expectRefusal("is a folder")
        try EchelonCommand.run(arguments + [""]).expectRefusal("is empty")
        #expect(try folder.contents.isEmpty)
    }

    // MARK: Usage

    @Test(arguments: [
        (["generate"], "missing"), (["generate", "x", "--unheard"], "--unheard"),
        (["generate", "x", "--sampler", "beam"], "autoregressive"),
        (["generate", "x", "--freeze", "never"], "latent-diff"),
        (["generate", "x", "--noise-form", "cubic"], "sqrt"), (["generate", "x", "--noise-schedule", "x"], "dampened"),
        (["generate", "x", "--weights", "f16"], "bf16"), (["generate", "x", "--recurrence", "many"], "--recurrence"),
        (["generate", "x", "--recurrence"], "--recurrence"),
        (["generate", "x", "--recurrence", "--json"], "--recurrence"),
        (["generate", "x", "--recurrence", "99999999999999999999"], "--recurrence"),
        (["generate", "x", "--seed", "-1"], "--seed"),
        (["generate", "--tokens", "1,b"], "--tokens"), (["generate", "--tokens", "99999999999"], "--tokens"),
        (["generate", "x", "--json", "--stream"], "--stream"),
        (["generate", "x", "--sampler", "diffusion", "--kv-budget", "2"], "--sampler"),
        (["compile"], "checkpoint"), (["compile", "x"], "--output"),
        (["compile", "x", "-o", "y", "--weights", "int16"], "bf16"), (["inspect"], "plan"),
        (["logits", "x"], "--tokens"),
        (["logits", "x", "--tokens", "1", "--recurrence", "1"], "--output"), (["tokenize"], "model"),
        (["unheard"], "unheard"),
    ])
    func `a command line that cannot be understood is a usage error`(_ arguments: [String], _ fragment: String) throws {
        try EchelonCommand.run(arguments).expectUsageError(fragment)
    }

    @Test(arguments: [
        [], ["generate"], ["compile"], ["inspect"], ["opt"], ["bench"], ["profile"], ["logits"], ["tokenize"],
    ])
    func `every command has help with an example`(_ command: [String]) throws {
        let help = try EchelonCommand.run(command + ["--help"]).succeeded().text
        #expect(help.contains("USAGE: echelon"))
        #expect(help.contains("\n  echelon "), "an example")
        // A longer line would be wrapped, and the example could no longer be copied.
        let lines = help.prefix(upTo: help.range(of: "\nUSAGE:")?.lowerBound ?? help.endIndex).split(
            separator: "\n", omittingEmptySubsequences: false)
        for (line, next) in zip(lines, lines.dropFirst()) where line.hasPrefix("  ") {
            #expect(next.isEmpty || next.hasPrefix("  "), "\(line)")
        }
    }
}
