import ArgumentParser
import Foundation
import PlanBuilder
import Plans
import Reports
import Runtime
import Safetensors
import Samplers

struct Logits: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the logits and latents of every position of a sequence to a file.",
        discussion: """
            All tokens go through the prelude, the recurrences of the core and the coda in one call. The output is a \
            safetensors file with the tensors `logits` (positions, vocabulary) and `latents` (positions, width). Latents \
            are the last states after the final norm, before the coda.

              echelon logits huginn.plan --tokens 1,2,3 --recurrence 32 -o out.safetensors
            """)

    @Argument(help: "A plan or a checkpoint folder.")
    var model: String

    @Option(parsing: .unconditional, help: "The sequence as token ids: 1,2,3.")
    var tokens: TokenList

    @Option(parsing: .unconditional, help: "Number of recurrences of the core.")
    var recurrence: Int

    @Option(parsing: .unconditional, help: "Scale of the random initial states; 0 starts from zero.")
    var initScale: Float = 1

    @Option(parsing: .unconditional, help: "Seed of the initial states.")
    var seed: UInt64 = 0

    @Option(name: [.short, .long], help: "The safetensors file to write.")
    var output: String

    @Flag(help: "Print one JSON object about the output.")
    var json = false

    @OptionGroup var opening: ModelOptions

    func run() throws { try reportingFailures(writeLogits) }

    private func writeLogits() throws {
        guard !tokens.tokens.isEmpty else { throw UsageError("--tokens is empty; at least one token is needed.") }
        try requireOption(recurrence, "--recurrence", 0...Int(Int32.max))
        guard initScale.isFinite, initScale >= 0 else {
            throw UsageError("--init-scale is \(initScale); it has to be 0 or a positive number.")
        }
        try OutputPlace.checkFile(output, of: "a safetensors file", apartFrom: [self.model])
        let model = try opening.model(opening.plan(at: self.model))
        let rows = tokens.tokens.count
        guard rows <= model.shape.context else {
            throw CommandError("\(rows) tokens do not fit into the model's context of \(model.shape.context).")
        }
        let states = InitialStates(
            width: model.shape.width, deviation: initScale * model.shape.stateDeviation, seed: seed
        )
        .states(.initialState, positions: 0..<rows, step: 0)
        let start = ContinuousClock.now
        let result = try model.evaluate(
            RaggedCall(
                function: .prefill, head: .logits, recurrences: recurrence,
                slots: [Int32](repeating: 0, count: rows), positions: (0..<rows).map(Int32.init),
                tokens: tokens.tokens, states: states))
        let seconds = (ContinuousClock.now - start) / .seconds(1)

        let layout = try SafetensorsLayout([
            .init("latents", .f32, [rows, model.shape.width]),
            .init("logits", .f32, [rows, model.shape.vocabulary]),
        ])
        try SafetensorsWriter.write(layout, to: output) { writer in
            try result.latents.values.withUnsafeBytes { try writer.append($0, to: "latents") }
            try result.logits.values.withUnsafeBytes { try writer.append($0, to: "logits") }
        }
        if json {
            try Terminal.writeJSON(
                LogitsReport(
                    output: output, positions: rows, vocabulary: model.shape.vocabulary, width: model.shape.width,
                    recurrence: recurrence, seconds: seconds))
        }
    }
}
