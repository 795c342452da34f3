import Foundation
import Runtime

/// A model whose calls can be continued, and whose every state can be worked out by hand.
///
/// A position's state starts at s0 and moves halfway to a target e in each recurrence: from zero it is e (1 − 2^−t)
/// after t of them, which is a relative change of 1 / (2^t − 1). The prelude gives e = 1 + the sum of the tokens up to
/// the position, modulo the vocabulary. The head reads the nearest whole number of the state as the token; logits fall
/// with the distance from it.
///
/// A call may only continue a position that has had the recurrences that its depth says, from the state that it had then
/// and with the prelude's own output.
final class ContinuedModel: RecurrentModel {
    let shape: ModelShape
    private(set) var calls: [RaggedCall] = []
    /// The tokens of each slot.
    private var tokens: [Int32: [Int32]] = [:]
    /// The state and the depth of each position that has been computed.
    private var reached: [Int32: [(depth: Int, state: Float)]] = [:]

    init(vocabulary: Int = 12, context: Int = 64) {
        shape = ModelShape(width: 1, vocabulary: vocabulary, context: context)
    }

    func evaluate(_ call: RaggedCall) throws -> ModelResult {
        calls.append(call)
        var result = ModelResult(
            states: call.states, logits: Latents(width: shape.vocabulary), embeddings: Latents(width: 1))
        for row in call.tokens.indices {
            let (slot, position) = (call.slots[row], Int(call.positions[row]))
            var known = tokens[slot, default: []]
            guard position <= known.count, position < shape.context else {
                throw RuntimeError("Position \(position) has nothing before it.")
            }
            put(call.tokens[row], at: position, in: &known)
            tokens[slot] = known
            let target = self.target(Array(known[...position]))
            try checkContinuation(call, row, target: target)

            var state = call.states.values[row]
            for _ in 0..<call.recurrences { state += (target - state) / 2 }
            result.states.values[row] = state
            if call.function != .resume { result.embeddings.values.append(target) }
            put((Int(call.depths[row]) + call.recurrences, state), at: position, in: &reached[slot, default: []])

            switch call.head {
            case .state: break
            case .token: result.tokens.append(readOut(state))
            case .logits:
                result.logits.values += (0..<shape.vocabulary).map { -2 * abs(state - Float($0)) }
            }
        }
        return result
    }

    private func put<Element>(_ element: Element, at position: Int, in elements: inout [Element]) {
        if position == elements.count { elements.append(element) } else { elements[position] = element }
    }

    private func checkContinuation(_ call: RaggedCall, _ row: Int, target: Float) throws {
        let position = Int(call.positions[row])
        guard call.function == .resume else {
            guard call.depths[row] == 0, call.embeddings == nil else {
                throw RuntimeError("Position \(position) has to start at depth 0, without a prelude's output.")
            }
            return
        }
        guard let before = reached[call.slots[row]]?[position], before.depth == call.depths[row],
            before.state == call.states.values[row], call.embeddings?.values[row] == target
        else { throw RuntimeError("Position \(position) does not continue what was computed.") }
    }

    /// e of a position that reads these tokens.
    func target(_ prefix: [Int32]) -> Float {
        Float((1 + prefix.reduce(0) { $0 + Int($1) }) % shape.vocabulary)
    }

    /// The token of a state.
    func readOut(_ state: Float) -> Int32 {
        let nearest = Int32(state.rounded())
        return min(max(nearest, 0), Int32(shape.vocabulary) - 1)
    }

    /// The tokens after a prompt if every position takes `recurrences` from zero.
    func continuation(of prompt: [Int32], count: Int, recurrences: Int) -> [Int32] {
        var tokens = prompt
        for _ in 0..<count { tokens.append(readOut(target(tokens) * (1 - pow(0.5, Float(recurrences))))) }
        return Array(tokens[prompt.count...])
    }
}
