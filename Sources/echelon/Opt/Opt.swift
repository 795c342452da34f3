import ArgumentParser
import Compiler
import Foundation
import IR

struct Opt: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run passes over a module in the text form.",
        discussion: """
            Reads a module (docs/ir.md has the grammar), verifies it, runs the passes, and writes the module again, \
            verified after each pass. Without passes it only puts a text into its canonical form.

              echelon opt block.ir --passes fuse-gate,fuse-residual-norm
              echelon inspect huginn.plan --stage source | echelon opt --passes fuse-gate
                  standard input and output, so that passes can be tried in a shell
              echelon opt h.ir --passes specialize-recurrences=step:4,unroll-recurrences
                  a copy of @step for 4 recurrences, as straight code
              echelon opt h.ir --passes lower-weights=bf16+lm_head*:int8,fuse-conversions
                  matrices in bf16, those whose names match in int8
              echelon opt --list-passes
                  what each pass does, its parameters, and which passes it has to follow
              echelon opt --list-operations
                  the form of every operation, and what it means

            A mistake in the text is reported as FILE:LINE:COLUMN. A pass may run several times.
            """)

    @Argument(help: "A file in the text form; - or nothing reads standard input.")
    var file: String?

    @Option(
        help: ArgumentHelp(
            "The passes to run, in order, with commas between; parameters stand behind a = with + between.",
            valueName: "list"))
    var passes = ""

    @Option(name: [.short, .long], help: "Where to write the module (default: standard output).")
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Print the module after a pass, or after each with `all`, to standard error.", valueName: "pass"))
    var printAfter: [String] = []

    @Flag(help: "Verify the module after each pass, and write nothing.")
    var verifyOnly = false

    @Flag(help: "List the passes and what they do.")
    var listPasses = false

    @Flag(help: "List the operations and what they mean.")
    var listOperations = false

    @Flag(help: "With --list-passes or --list-operations, print one JSON array.")
    var json = false

    func validate() throws {
        if json, !listPasses, !listOperations {
            throw ValidationError(
                "--json is for --list-passes and --list-operations: a module has a text form of its own.")
        }
        if listPasses, listOperations { throw ValidationError("List passes or operations, one at a time.") }
        if verifyOnly, output != nil { throw ValidationError("--verify-only writes nothing, so --output has no use.") }
        try checkingPasses { try PassPrinter.check(printAfter, Pipeline(parsing: passes)) }
    }

    func run() throws {
        try reportingFailures {
            if listPasses {
                try PassList().write(json: json)
            } else if listOperations {
                try OperationList().write(json: json)
            } else {
                try optimize()
            }
        }
    }

    private func optimize() throws {
        let source = try ModuleText(file)
        let printer = PassPrinter(printAfter)
        let module: Module
        do {
            module = try Pipeline(parsing: passes).run(source.module()) { pass, module in
                if let text = printer.text(after: pass, module) { Terminal.remark(text) }
                try Interrupt.check()
            }
        } catch let error as VerificationError {
            throw CommandError("\(source.name): \(error)")
        }
        if verifyOnly { return }
        try Terminal.write(module.description, to: output)
    }
}
