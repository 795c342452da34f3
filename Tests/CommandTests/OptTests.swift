import Foundation
import Reports
import Testing

/// The command `opt`, used as from a shell.
@Suite struct OptTests {
    static let gate = """
        weight @w : f32[8,4]

        func @f(%x: f32[rows,4]) -> f32[rows,4] {
          %both = linear %x, @w : f32[rows,8]
          %gate = slice %both {from = 0, to = 4} : f32[rows,4]
          %up = slice %both {from = 4, to = 8} : f32[rows,4]
          %open = silu %gate : f32[rows,4]
          %y = multiply %open, %up : f32[rows,4]
          return %y
        }

        """

    private func opt(_ arguments: String..., input: String = gate) throws -> CommandRun {
        try EchelonCommand.run(["opt"] + arguments, input: Data(input.utf8))
    }

    @Test func `without passes a text comes out in its canonical form, from a file and from standard input`() throws {
        let folder = try TemporaryFolder()
        try Data(Self.gate.utf8).write(to: URL(filePath: folder.file("gate.ir")))
        #expect(try EchelonCommand.run("opt", folder.file("gate.ir")).succeeded().text == Self.gate)
        #expect(try opt().succeeded().text == Self.gate)
        #expect(try opt("-").succeeded().text == Self.gate)
        let loose = "// a comment\n" + Self.gate.replacing("\n  ", with: " ").replacing(" = ", with: "=")
        #expect(try opt(input: loose).succeeded().text == Self.gate)
        #expect(try opt(input: "").succeeded().text.isEmpty)
    }

    @Test func `passes run in order, each as it is spelled, and can be piped into each other`() throws {
        let fused = try opt("--passes", "fuse-gate").succeeded().text
        #expect(fused.contains("%y = linear_silu_gate %x, @w : f32[rows,4]"))
        let lowered = try opt("--passes", "fuse-gate,lower-weights=bf16").succeeded()
        #expect(lowered.text.contains("weight @w : bf16[8,4]") && lowered.text.contains("convert %x"))
        #expect(try opt("--passes", "lower-weights=bf16", input: fused).succeeded().text == lowered.text)
        #expect(try opt("--passes", "lower-weights=f32+w:int8").succeeded().text.contains("weight @w : int8[8,4]"))
    }

    @Test func `what opt makes of a plan's source is what compile made of it`() throws {
        let plan = try TestModels.oddPlan
        let source = try EchelonCommand.run("inspect", plan, "--stage", "source").succeeded().text
        let copies = [
            "decode:6", "decode:4", "step:4", "decode.logits:6", "decode.logits:4", "step.logits:4",
        ].joined(separator: "+")
        let passes = "specialize-recurrences=\(copies),split-adapter,hoist-invariants,unroll-recurrences,fuse-gate"
        let found = try opt("--passes", passes, input: source).succeeded().text
        // The last of the two passes has the same effect with and without the pass that comes between them in a plan.
        let expected = try EchelonCommand.run("inspect", plan, "--stage", "unroll-recurrences").succeeded().text
        #expect(try opt("--passes", "fuse-gate", input: expected).succeeded().text == found)
    }

    @Test func `--output takes the text, complete or not at all`() throws {
        let folder = try TemporaryFolder()
        let run = try opt("--passes", "fuse-gate", "-o", folder.file("out.ir")).succeeded()
        #expect(run.output.isEmpty && run.errors.isEmpty)
        #expect(try String(contentsOfFile: folder.file("out.ir"), encoding: .utf8) == opt("--passes", "fuse-gate").text)
        try opt("-o", folder.file("missing/out.ir")).expectRefusal("missing/out.ir")
        try opt("-o", folder.file("out.ir"), input: "weight").expectRefusal("<stdin>:1:7")
        #expect(try folder.contents == ["out.ir"])
    }

    @Test func `--print-after goes to standard error, so that the output stays a module`() throws {
        let run = try opt("--passes", "fuse-gate,drop-dead-code", "--print-after", "all").succeeded()
        #expect(try run.text == opt("--passes", "fuse-gate,drop-dead-code").text)
        let headings = run.errors.split(separator: "\n").filter { $0.hasPrefix("// after ") }
        #expect(headings.map { $0.split(separator: " ")[2] } == ["fuse-gate:", "drop-dead-code:"])
        let one = try opt("--passes", "fuse-gate,drop-dead-code", "--print-after", "fuse-gate").succeeded()
        #expect(one.errors.contains("after fuse-gate") && !one.errors.contains("after drop-dead-code"))
        try opt("--passes", "fuse-gate", "--print-after", "fuse-argmax").expectUsageError("no such pass runs")
    }

    @Test func `--verify-only says nothing about a sound module`() throws {
        let run = try opt("--verify-only", "--passes", "fuse-gate").succeeded()
        #expect(run.output.isEmpty && run.errors.isEmpty)
        try opt("--verify-only", "-o", "x").expectUsageError("--output")
    }

    @Test func `a mistake is reported as file, line and column`() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("bad.ir")
        try Data(Self.gate.replacing("silu", with: "selu").utf8).write(to: URL(filePath: path))
        try EchelonCommand.run("opt", path).expectRefusal("\(path):7:11: found 'selu', expected an operation")
        try opt(input: Self.gate.replacing("to = 8", with: "to = 9")).expectRefusal(
            "<stdin>: function @f", "columns 4 ..< 9")
        try EchelonCommand.run("opt", folder.file("missing.ir")).expectRefusal("missing.ir")
        try EchelonCommand.run("opt", folder.path).expectRefusal(folder.path)
    }

    @Test func `bytes that are no text are refused where they stand`() throws {
        for (bytes, place) in [([0xFF], "1:1"), (Array("// é\n// ".utf8) + [0xC3, 0x28], "2:4")] as [([UInt8], String)]
        {
            try EchelonCommand.run(["opt"], input: Data(bytes)).expectRefusal("<stdin>:\(place): ", "UTF-8")
        }
    }

    @Test(arguments: [
        ("fuse-gates", "Did you mean fuse-gate?"), ("lower-weights", "needs parameters"),
        ("hoist-invariants,split-adapter", "split-adapter has to run before hoist-invariants"),
    ])
    func `a pipeline that is none is a usage error`(_ passes: String, _ reason: String) throws {
        try opt("--passes", passes).expectUsageError(reason)
    }

    @Test func `a pass that cannot do its work says so`() throws {
        try opt("--passes", "specialize-recurrences=decode:4").expectRefusal("@decode")
        try opt("--passes", "lower-weights=bf16+head*:int8").expectRefusal("head*", "w")
    }

    @Test func `the list of passes tells what compile's help tells, and more`() throws {
        let entries = try EchelonCommand.run("opt", "--list-passes", "--json").json([PassReport].self)
        let text = try EchelonCommand.run("opt", "--list-passes").succeeded().text
        let help = try EchelonCommand.run("compile", "--help").succeeded().text
        for entry in entries {
            #expect(text.contains(entry.name) && text.contains(entry.summary) && help.contains(entry.name))
            for predecessor in entry.follows {
                #expect(text.contains("after \(predecessor.pass): \(predecessor.reason)"))
            }
        }
        #expect(entries.count >= 11)
        #expect(entries.filter { $0.parameters != nil }.map(\.name) == ["specialize-recurrences", "lower-weights"])
        #expect(entries.filter { $0.necessity != nil }.map(\.name) == ["lower-weights"])
        try opt("--json").expectUsageError("--list-passes")
    }

    @Test func `the list of operations has the form and the meaning of every operation`() throws {
        let entries = try EchelonCommand.run("opt", "--list-operations", "--json").json([OperationReport].self)
        let text = try EchelonCommand.run("opt", "--list-operations").succeeded().text
        for entry in entries {
            #expect(entry.form.contains(entry.name) && text.contains("\(entry.form)\n    \(entry.meaning)\n"))
        }
        #expect(entries.contains { $0.name == "wavefront_attention" } && entries.contains { $0.name == "repeat" })
        try opt("--list-operations", "--list-passes").expectUsageError("one at a time")
    }
}
