import Runtime
import Samplers

/// A model whose tokens are made up, so that a chosen share of the drafts is wrong. Everything else is computed as by the
/// real model, so that steps take the time that they take.
final class ForcedDrafts: RecurrentModel {
    let model: PlanModel
    /// The share of drafts that are wrong when a position is first read out, 0 to 1.
    let wrongShare: Double
    /// The depth from which on a token is right: a wrong draft differs at every smaller one.
    let rightDepth: Int
    private let random = CounterRandom(seed: 1)

    init(_ model: PlanModel, wrongShare: Double, rightDepth: Int) {
        self.model = model
        self.wrongShare = wrongShare
        self.rightDepth = rightDepth
    }

    var shape: ModelShape { model.shape }

    func evaluate(_ call: RaggedCall) throws -> ModelResult {
        var result = try model.evaluate(call)
        for row in result.tokens.indices {
            let depth = Int(call.depths[row]) + call.recurrences
            result.tokens[row] = token(after: Int(call.positions[row]), depth: depth)
        }
        return result
    }

    private func token(after position: Int, depth: Int) -> Int32 {
        let right = random.integer(below: shape.vocabulary, .tokenChoice, position: position, step: 0)
        let isWrong = random.uniform(.headwayToken, position: position, step: 0) < wrongShare && depth < rightDepth
        return Int32((right + (isWrong ? 1 : 0)) % shape.vocabulary)
    }
}
