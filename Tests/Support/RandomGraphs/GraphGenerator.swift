import IR
import NumberFormats

/// The result of the generator.
struct RandomGraph {
    var module: Module
    var weights: [String: Tensor]
    var calls: [[Tensor]]
    var recurrences: Int
    var budget: Int
    var usesBF16: Bool
    /// Returned tokens: the result's number, and the value that `argmax` read.
    var choices: [(result: Int, logits: Value)]
}

/// Draws one function: parameters, a few operations, a loop, a few more, and a head. What an operation reads is drawn
/// from the values before it, so that graphs have shared subexpressions, unused values, and values of the loop's
/// outside that only its inside reads.
struct GraphGenerator {
    var random: RandomSource
    var builder: FunctionBuilder
    /// f32 matrices that can be read here, oldest first.
    var pool: [Value] = []
    /// The tensors of the checkpoint.
    var tensors: [String: Tensor] = [:]
    var usesBF16 = false
    let allowsBF16: Bool
    let heads: Int
    /// The numbers of heads that a cache may have: the divisors of `heads`.
    let keyHeads: [Int]
    let headWidth: Int
    let vocabulary: Int
    let slot: Value
    let position: Value
    let depth: Value
    let tokens: Value
    let state: Value
    /// Coefficients for `mix`, one a row.
    let coefficients: [Value]
    /// How induction is spelled here: `induction` in the loop, 0 outside.
    var recurrence = Recurrence.number(0)

    /// The width of the residual stream.
    var width: Int { heads * headWidth }

    init(seed: UInt64) {
        random = RandomSource(seed: seed)
        let heads = Int.random(in: 1...4, using: &random)
        self.heads = heads
        keyHeads = (1...heads).filter { heads.isMultiple(of: $0) }
        headWidth = 2 * Int.random(in: 1...3, using: &random)
        vocabulary = Int.random(in: 5...11, using: &random)
        allowsBF16 = random.oneIn(2)
        builder = FunctionBuilder(name: RandomProgram.function, module: Module())
        tokens = builder.parameter("tokens", .rows(.i32))
        slot = builder.parameter("slot", .rows(.i32))
        position = builder.parameter("position", .rows(.i32))
        depth = builder.parameter("depth", .rows(.i32))
        state = builder.parameter("state", .rows(.f32, heads * headWidth))
        coefficients = [builder.parameter("p", .rows(.f32)), builder.parameter("q", .rows(.f32))]
    }

    mutating func generate() throws -> RandomGraph {
        let embedded = builder.embed(tokens, matrix(vocabulary, width), scale: Float(width).squareRoot())
        pool = [state, embedded]
        steps(1...4)
        let final = loop()
        steps(0...4)
        let (returns, choices) = head(final)
        // Callers know some of the results by another name than that of the value.
        builder.return(
            returns.enumerated().map { NamedResult(random.oneIn(2) ? $1.name : "result.\($0)", $1) })
        let function = try builder.finish()
        var module = builder.module
        module.functions = [function]
        let recurrences = Int.random(in: 0...4, using: &random)
        return RandomGraph(
            module: module, weights: tensors, calls: calls(), recurrences: recurrences,
            budget: Int.random(in: 1...4, using: &random), usesBF16: usesBF16, choices: choices)
    }

    /// One to two carried values, one of them the state; the number of iterations static or the caller's.
    private mutating func loop() -> Value {
        let outside = pool
        var initial = [random.oneIn(3) ? any(width) : state]
        if random.oneIn(3) { initial.append(any()) }
        let count: TripCount = random.oneIn(3) ? .number(Int.random(in: 0...4, using: &random)) : .recurrences
        // The closure is given the builder, which meanwhile cannot be read through `self`.
        var inner = self
        let results = builder.repeat(count: count, carrying: initial, named: ["s"]) { builder, carried in
            inner.builder = builder
            inner.recurrence = .induction
            inner.pool = outside + carried
            if inner.random.oneIn(2) { inner.pool.append(inner.adapter(carried[0], inner.random.pick(outside))) }
            inner.steps(1...5)
            let yields = carried.map { value in
                // A norm at the end keeps numbers in range, however often the loop runs.
                inner.normed(inner.any(value.type.width))
            }
            builder = inner.builder
            return yields
        }
        inner.recurrence = .number(0)
        inner.builder = builder
        self = inner
        pool = outside + results
        return results[0]
    }

    /// The returned values: always the loop's first result, then a choice of the others.
    private mutating func head(_ final: Value) -> (returns: [Value], choices: [(result: Int, logits: Value)]) {
        var returns = [final]
        var choices: [(result: Int, logits: Value)] = []
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            let latents = normed(any(width))
            let logits = linear(latents, vocabulary)
            choices.append((returns.count, logits))
            returns.append(builder.argmax(logits))
            if random.oneIn(3) { returns.append(logits) }
        }
        if random.oneIn(2) { returns.append(builder.relativeDifference(final, any(width))) }
        if random.oneIn(2) { returns.append(any()) }
        return (returns, choices)
    }

    /// Two or three calls over two sequences whose rows are shuffled; a later call may rewrite the last position. All rows
    /// have one depth, so that every recurrence that is read has been written.
    private mutating func calls() -> [[Tensor]] {
        let slots: [Int32] = [0, 3]
        let depth = Int32.random(in: 0...3, using: &random)
        var lengths = [0, 0]
        return (0..<Int.random(in: 2...3, using: &random)).map { call in
            var rows: [(slot: Int32, position: Int32)] = []
            for sequence in slots.indices {
                let start = lengths[sequence] > 0 && random.oneIn(3) ? lengths[sequence] - 1 : lengths[sequence]
                let end = start + Int.random(in: call == 0 ? 1...4 : 0...2, using: &random)
                rows += (start..<end).map { (slots[sequence], Int32($0)) }
                lengths[sequence] = max(lengths[sequence], end)
            }
            // A call has at least one row.
            if rows.isEmpty {
                rows.append((slots[0], Int32(lengths[0])))
                lengths[0] += 1
            }
            rows.shuffle(using: &random)
            let count = rows.count
            return [
                Tensor(
                    (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }, shape: [count]),
                Tensor(rows.map(\.slot), shape: [count]),
                Tensor(rows.map(\.position), shape: [count]),
                Tensor([Int32](repeating: depth, count: count), shape: [count]),
                Tensor(random.normals(count * width), shape: [count, width]),
                Tensor(random.normals(count, scale: 0.3, around: 0.5), shape: [count]),
                Tensor(random.normals(count, scale: 0.3, around: 0.5), shape: [count]),
            ]
        }
    }

    // MARK: Values to read

    /// Any matrix; one of the last three half of the time.
    mutating func any() -> Value { random.oneIn(2) ? random.pick(pool.suffix(3)) : random.pick(pool) }

    /// A matrix of this width, from the pool if there is one.
    mutating func any(_ width: Int) -> Value {
        let fitting = pool.filter { $0.type.width == width }
        guard let last = fitting.last, !random.oneIn(8) else { return linear(any(), width) }
        return random.oneIn(2) ? last : random.pick(fitting)
    }

    // MARK: Weights

    /// Declares a weight, or now and then takes one that has the same type and scale of numbers.
    private mutating func weight(_ kind: String, _ type: TensorType, _ numbers: (inout RandomSource) -> [Float])
        -> String
    {
        let same = builder.module.weights.filter { $0.type == type && $0.name.hasPrefix(kind) }
        if let shared = same.randomElement(using: &random), random.oneIn(4) { return shared.name }
        let name = "\(kind).\(builder.module.weights.count)"
        let numbers = numbers(&random)
        let source = random.oneIn(4) ? pieces(of: name, numbers, type.fixedExtents ?? []) : nil
        builder.module.weights.append(Weight(name, type, source: source))
        if source == nil {
            tensors[name] = Tensor(numbers, shape: type.fixedExtents ?? [], element: type.element)
        }
        return name
    }

    /// The same numbers as parts of tensors: rows of two tensors, columns of a wider one, or rows in the order of a model
    /// that pairs the halves of a head.
    private mutating func pieces(of name: String, _ numbers: [Float], _ extents: [Int]) -> WeightSource {
        let rows = extents[0]
        let width = numbers.count / rows
        func shape(_ rows: Int, _ width: Int) -> [Int] { extents.count == 2 ? [rows, width] : [rows] }
        let first = Int.random(in: 1...rows, using: &random)
        return .pieces(
            [0..<first, first..<rows].filter { !$0.isEmpty }.enumerated().map { index, range in
                let tensor = "\(name).piece.\(index)"
                var piece = WeightPiece(tensor, shape: shape(range.count, width))
                var stored = Array(numbers[range.lowerBound * width..<range.upperBound * width])
                if range.count > 1, random.oneIn(2) {
                    let dimension = 2 * Int.random(in: 1...range.count / 2, using: &random)
                    piece.pairing = .halves(
                        heads: Int.random(in: 1...range.count / dimension, using: &random), dimension: dimension)
                    stored = inStoredOrder(stored, width, piece.pairing)
                }
                if extents.count == 2, random.oneIn(2) {
                    let before = Int.random(in: 0...2, using: &random)
                    let after = Int.random(in: 0...2, using: &random)
                    piece.shape = shape(range.count, before + width + after)
                    piece.columns = before..<before + width
                    stored = range.indices.flatMap { row -> [Float] in
                        let start = (row - range.lowerBound) * width
                        return random.normals(before) + stored[start..<start + width] + random.normals(after)
                    }
                }
                tensors[tensor] = Tensor(stored, shape: piece.shape)
                return piece
            })
    }

    /// Rows in the order in which a tensor of this pairing has them.
    private func inStoredOrder(_ numbers: [Float], _ width: Int, _ pairing: RotaryPairing) -> [Float] {
        var stored = numbers
        for row in 0..<numbers.count / width {
            let place = pairing.storedRow(row) * width
            stored.replaceSubrange(place..<place + width, with: numbers[row * width..<(row + 1) * width])
        }
        return stored
    }

    mutating func matrix(_ rows: Int, _ columns: Int, _ element: ElementType = .f32) -> String {
        let type = TensorType(element, [.fixed(rows), .fixed(columns)])
        return weight("matrix", type) { $0.normals(rows * columns, scale: 1 / Float(columns).squareRoot()) }
    }

    mutating func factors(_ width: Int) -> String {
        weight("norm", .fixed(.f32, width)) { $0.normals(width, scale: 0.1, around: 1) }
    }

    mutating func offsets(_ width: Int) -> String {
        weight("bias", .fixed(.f32, width)) { $0.normals(width, scale: 0.3) }
    }

    /// The frequencies of a rotary embedding: computed, or now and then from a tensor.
    mutating func frequencies(base: Float) -> String {
        let (pairs, name) = (headWidth / 2, "rotary.\(Int(base))")
        if builder.module.weight(name) != nil { return name }
        var frequencies = RotaryFrequencies(base: base)
        if random.oneIn(3) {
            let method = random.pick(RotaryScaling.Method.allCases)
            let numbers: [String: Float] = [
                "factor": 4, "original": 8, "length": 20, "low": 1, "high": 4, "fast": 32, "slow": 1,
            ]
            frequencies.scaling = RotaryScaling(method, numbers.filter { method.parameters.contains($0.key) })
        }
        let isTensor = random.oneIn(6)
        if isTensor { tensors[name] = Tensor(frequencies.values(pairs: pairs), shape: [pairs]) }
        return builder.weight(name, pairs, source: isTensor ? nil : .frequencies(frequencies))
    }

    /// Each cache is written in one place only, so that no reader asks for a recurrence that was never written.
    mutating func cache(heads: Int, isRecurrent: Bool) -> String {
        let name = "cache.\(builder.module.caches.count)"
        builder.module.caches.append(Cache(name, .fixed(.f32, heads, headWidth), isRecurrent: isRecurrent))
        return name
    }
}

extension RandomSource {
    /// - Precondition: `choices` is not empty.
    mutating func pick<Choices: Collection>(_ choices: Choices) -> Choices.Element {
        choices[choices.index(choices.startIndex, offsetBy: Int.random(in: 0..<choices.count, using: &self))]
    }
}
