import Runtime
import Samplers

/// A model whose next token is a fixed function of the previous tokens and is found exactly with enough recurrences.
/// The state of a position moves halfway to a target that its prefix determines, and the token is read from the state.
final class ToyModel: RecurrentModel {
    let shape: ModelShape
    private(set) var calls: [RaggedCall] = []
    private var cache: [Int32: [Int32]] = [:]

    init(vocabulary: Int = 16, context: Int = 64, width: Int = 3, cacheBudget: Int = 1) {
        shape = ModelShape(width: width, vocabulary: vocabulary, context: context, cacheBudget: cacheBudget)
    }

    func evaluate(_ call: RaggedCall) throws -> ModelResult {
        calls.append(call)
        for row in call.tokens.indices {
            var tokens = cache[call.slots[row]] ?? []
            let position = Int(call.positions[row])
            guard position <= tokens.count, position < shape.context else {
                throw RuntimeError("Position \(position) of slot \(call.slots[row]) has nothing before it.")
            }
            if position == tokens.count { tokens.append(0) }
            tokens[position] = call.tokens[row]
            cache[call.slots[row]] = tokens
        }
        var result = ModelResult(
            states: call.states, logits: Latents(width: shape.vocabulary), embeddings: Latents(width: shape.width))
        for row in call.tokens.indices {
            let tokens = cache[call.slots[row], default: []][...Int(call.positions[row])]
            let target = centre(of: nextToken(after: Array(tokens)))
            let range = row * shape.width..<(row + 1) * shape.width
            var change: Float = 0
            var norm: Float = 0
            for element in range {
                var embedding = call.embeddings?.values[element] ?? target + Float(element - range.lowerBound)
                var state = call.states.values[element]
                if let step = call.step {
                    embedding =
                        step.embeddingNew[row] * embedding + step.embeddingOld[row] * step.embeddings.values[element]
                    state = step.stateOld[row] * state + step.stateNoise[row] * step.noise.values[element]
                }
                if call.function != .resume { result.embeddings.values.append(embedding) }
                for _ in 0..<call.recurrences { state += (embedding - state) / 2 }
                let before = call.states.values[element]
                change += (state - before) * (state - before)
                norm += state * state
                result.states.values[element] = state
            }
            if call.step != nil { result.differences.append(change.squareRoot() / norm.squareRoot()) }
            let state = result.states.values[range.lowerBound]
            switch call.head {
            case .token:
                let nearest = ((state + 1) / 2 * Float(shape.vocabulary)).rounded(.down)
                result.tokens.append(Int32(min(max(nearest, 0), Float(shape.vocabulary - 1))))
            case .logits:
                result.logits.values += (0..<Int32(shape.vocabulary)).map { -1 - abs(state - centre(of: $0)) * 8 }
            case .state: break
            }
        }
        return result
    }

    /// The text that the model is made to write.
    func nextToken(after tokens: [Int32]) -> Int32 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for token in tokens { hash = (hash ^ UInt64(token)) &* 0x0000_0100_0000_01b3 }
        return Int32(hash >> 33) % Int32(shape.vocabulary)
    }

    func continuation(of prompt: [Int32], count: Int) -> [Int32] {
        var tokens = prompt
        for _ in 0..<count { tokens.append(nextToken(after: tokens)) }
        return Array(tokens[prompt.count...])
    }

    private func centre(of token: Int32) -> Float { (Float(token) + 0.5) / Float(shape.vocabulary) * 2 - 1 }
}

/// A model whose answers come from a closure.
final class ScriptedModel: RecurrentModel {
    let shape: ModelShape
    private(set) var calls: [RaggedCall] = []
    private let answer: (RaggedCall) -> ModelResult

    init(vocabulary: Int = 100, context: Int = 64, width: Int = 1, answer: @escaping (RaggedCall) -> ModelResult) {
        shape = ModelShape(width: width, vocabulary: vocabulary, context: context)
        self.answer = answer
    }

    func evaluate(_ call: RaggedCall) throws -> ModelResult {
        calls.append(call)
        return answer(call)
    }

    /// A result of the right sizes. The closures give states and prelude outputs (`value`), `token` and `difference` by
    /// position.
    static func result(
        _ call: RaggedCall, width: Int = 1, value: (Int) -> Float = { Float($0) }, token: (Int) -> Int32,
        difference: (Int) -> Float = { _ in 1 }
    ) -> ModelResult {
        let positions = call.positions.map { Int($0) }
        let rows = Latents(
            width: width, values: positions.flatMap { [Float](repeating: value($0), count: width) })
        return ModelResult(
            states: rows, tokens: positions.map(token), embeddings: call.step == nil ? Latents(width: width) : rows,
            differences: call.step == nil ? [] : positions.map(difference))
    }
}

extension RecurrentModel {
    /// The result of a sampler's call, in slot 0: of the last row alone if the sampler wants no more.
    func answer(_ call: SequenceCall) throws -> ModelResult {
        var result = try evaluate(
            RaggedCall(
                function: call.function, head: call.head, recurrences: call.recurrences,
                slots: [Int32](repeating: 0, count: call.tokens.count),
                positions: (call.start..<call.start + call.tokens.count).map(Int32.init), depths: call.depths,
                tokens: call.tokens, states: call.states, embeddings: call.embeddings, step: call.step))
        guard call.reads == .last else { return result }
        let last = call.tokens.count - 1
        result.states = result.states.rows([last])
        result.tokens = result.tokens.suffix(1)
        if !result.logits.values.isEmpty { result.logits = result.logits.rows([last]) }
        return result
    }
}
