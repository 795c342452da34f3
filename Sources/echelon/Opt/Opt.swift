import ArgumentParser
import Compiler
import Foundation
import IR

struct Opt: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run compiler passes on a module in the text form.",
        discussion: """
            Reads a module (docs/ir.md has the grammar), verifies it, runs the passes and writes the result. The module \
            is verified after each pass. Without passes, the module is only brought into its canonical form.

              echelon opt block.ir --passes fuse-gate,fuse-residual-norm
              echelon inspect huginn.plan --stage source | echelon opt --passes fuse-gate
                  reads standard input, so that passes can be tried in a shell
              echelon opt h.ir --passes specialize-recurrences=step:4,unroll-recurrences
                  a copy of @step for 4 recurrences, without a loop
              echelon opt h.ir --passes lower-weights=bf16+lm_head*:int8,fuse-conversions
                  matrices in bf16, except those whose names match: in int8
              echelon opt --list-passes
                  what each pass does, its parameters, and which passes have to run earlier
              echelon opt --list-operations
                  the form and the meaning of every operation

            A mistake in the text is reported as FILE:LINE:COLUMN. A pass may be named several times.
            """)

    @Argument(help: "The module's file; - reads standard input, as does giving no file.")
    var file: String?

    @Option(
        help: ArgumentHelp(
            "The passes to run, in order, separated by commas. Parameters follow a =, separated by +.",
            valueName: "list"))
    var passes = ""

    @Option(name: [.short, .long], help: "The file to write (default: standard output).")
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Print the module to standard error after a pass, or after every pass with `all`.", valueName: "pass"))
    var printAfter: [String] = []

    @Flag(help: "Only verify the module, at first and after each pass; write nothing.")
    var verifyOnly = false

    @Flag(help: "List the passes, what they do and which order they need.")
    var listPasses = false

    @Flag(help: "List the operations, their forms and their meaning.")
    var listOperations = false

    @Flag(help: "With --list-passes or --list-operations, print one JSON array.")
    var json = false

    func validate() throws {
        if json, !listPasses, !listOperations {
            throw ValidationError(
                "--json applies only to --list-passes and --list-operations: a module is written in its text form.")
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
        let place = try OutputPlace(output, apartFrom: [file])
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
        try place.write(module.description)
    }
}
