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
        heads = Int.random(in: 1...3, using: &random)
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
        builder.return(returns)
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
        builder.module.weights.append(Weight(name, type))
        tensors[name] = Tensor(numbers(&random), shape: type.fixedExtents ?? [], element: type.element)
        return name
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

    /// Each cache is written in one place only, so that no reader asks for a recurrence that was never written.
    mutating func cache(isRecurrent: Bool) -> String {
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
