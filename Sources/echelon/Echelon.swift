import ArgumentParser
import Foundation
import Runtime
import Safetensors

@main
struct Echelon: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echelon",
        abstract: "Compiles recurrent-depth language models into execution plans and runs them on CPUs.",
        discussion: """
            A recurrent-depth model (Huginn-0125, Ouro, the retrofitted Llamas and OLMos, Nanbeige4.2) runs one block of \
            layers many times per token. echelon compiles its checkpoint to a plan and generates text from the plan: one \
            token at a time, or with samplers that draft and refine many tokens in each pass.

              echelon generate "Sam has 7 pens. Sam buys 5. How many pens does Sam have?"
                  answers with the small model embedded in this program

              echelon compile path/to/huginn-0125 -o huginn.plan --weights bf16
              echelon generate huginn.plan "Why is the sky blue?" --stream
                  compiles a checkpoint folder once, then generates from the plan

            Exit status: 0 on success; 1 if something failed, with a sentence on standard error that says what; 64 for a \
            mistake in the command line; 130 after Ctrl-C (128 + the number of the signal after SIGTERM and SIGHUP).
            """,
        version: "0.1.0",
        subcommands: [
            Generate.self, Compile.self, Models.self, Inspect.self, Opt.self, Bench.self, Profile.self, Logits.self,
            Tokenize.self, Template.self,
        ])

    private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
        do {
            return try parseAsRoot(DashedText.separated(arguments))
        } catch {
            if exitCode(for: error) == .validationFailure { DashedText.advice(for: arguments).map(Terminal.note) }
            throw error
        }
    }

    /// Runs the command line. Its arguments are bytes, and those that are paths are passed to the system as they are.
    static func main() {
        ThreadEnvironment.prepare().forEach(Terminal.note)
        let arguments = stride(from: 1, to: Int(CommandLine.argc), by: 1).compactMap { index in
            CommandLine.unsafeArgv[index].map {
                FilePath.text(of: UnsafeRawBufferPointer(start: $0, count: strlen($0)))
            }
        }
        do {
            var command = try parsed(arguments)
            try command.run()
        } catch {
            exit(withError: error)
        }
    }
}
