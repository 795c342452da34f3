import ArgumentParser

@main
struct Echelon: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echelon",
        abstract: "Compiles recurrent-depth language models into execution plans and runs them on CPUs.",
        discussion: """
            A recurrent-depth model (Huginn-0125) runs one block of layers many times a token. echelon compiles its \
            checkpoint to a plan, and generates text from it autoregressively or with diffusion forcing, which drafts \
            and refines many tokens in each pass.

              echelon generate "Sam has 7 pens. Sam buys 5. How many pens does Sam have?"
                  answers with the small model inside this program

              echelon compile path/to/huginn-0125 -o huginn.plan --weights bf16
              echelon generate huginn.plan "Why is the sky blue?" --stream
                  compiles a checkpoint folder once, then generates from the plan

            Exit status: 0 on success, 1 when something failed (a sentence on standard error says what), 64 for a \
            command line that cannot be understood, 130 after Ctrl-C (128 and the signal's number after SIGTERM and SIGHUP).
            """,
        version: "0.1.0",
        subcommands: [
            Generate.self, Compile.self, Inspect.self, Opt.self, Bench.self, Profile.self, Logits.self, Tokenize.self,
        ])
}
