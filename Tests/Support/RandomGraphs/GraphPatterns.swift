import IR

// The parts of graphs: single operations, and the groups that the compiler's passes look for, now and then with one
// thing different so that a pass that looks too loosely changes what the graph means.
extension GraphGenerator {
    mutating func steps(_ count: ClosedRange<Int>) {
        for _ in 0..<Int.random(in: count, using: &random) { pool.append(step()) }
    }

    private mutating func step() -> Value {
        switch Int.random(in: 0..<26, using: &random) {
        case 0: normed(any())
        case 1: sum(any())
        case 2: builder.silu(any())
        case 3: product(any())
        case 4: mixed(any(width), any(width))
        case 5: biased(any())
        case 6: linear(any(), Int.random(in: 3...9, using: &random))
        case 7: sliced(any())
        case 8: joined(any(), any())
        case 9: builder.rope(any(width), position, frequencies(base: 100), heads: heads)
        case 10: adapter(any(), any())
        case 11, 12: gate(any())
        case 13...15: attention(any(width), normsHeads: false)
        case 16...18: attention(any(width), normsHeads: true)
        case 19: residual()
        case 20, 21: normedResidual()
        case 22: builder.sigmoid(any())
        case 23, 24: started(any())
        default: lookAlikes(any())
        }
    }

    // MARK: Single operations

    mutating func normed(_ x: Value) -> Value { builder.norm(x, factors(x.type.width), eps: 1e-5) }

    private mutating func sum(_ a: Value) -> Value { builder.add(a, any(a.type.width)) }

    private mutating func product(_ a: Value) -> Value { builder.multiply(a, any(a.type.width)) }

    private mutating func mixed(_ a: Value, _ b: Value) -> Value {
        builder.mix(a, b, coefficients[0], random.pick(coefficients))
    }

    private mutating func biased(_ x: Value) -> Value { builder.bias(x, offsets(x.type.width)) }

    private mutating func joined(_ a: Value, _ b: Value) -> Value { normed(builder.concat(a, b)) }

    private mutating func sliced(_ x: Value) -> Value {
        let from = Int.random(in: 0..<x.type.width, using: &random)
        return builder.slice(x, from..<Int.random(in: from + 1...x.type.width, using: &random))
    }

    /// A product with a matrix of f32, or of bf16 behind a conversion.
    mutating func linear(_ x: Value, _ width: Int) -> Value {
        guard allowsBF16, random.oneIn(2) else { return builder.linear(x, matrix(width, x.type.width)) }
        usesBF16 = true
        return builder.linear(builder.convert(x), matrix(width, x.type.width, .bf16))
    }

    /// The first of two values for rows that start, the second for others.
    private mutating func started(_ fresh: Value) -> Value {
        builder.start(fresh, any(fresh.type.width), depth: depth)
    }

    // MARK: Patterns of the passes

    /// A matrix over two values side by side; or over something else that reads them too.
    mutating func adapter(_ a: Value, _ b: Value) -> Value {
        let both = builder.concat(a, b)
        let result = linear(both, width)
        // Another reader of the concatenation, so that it has to stay.
        if random.oneIn(4) { pool.append(normed(both)) }
        // The same value twice.
        if random.oneIn(6) { return builder.add(result, linear(builder.concat(a, a), width)) }
        return result
    }

    /// linear, two slices, silu of one, their product; a slice may be of the other half or of another product.
    private mutating func gate(_ x: Value) -> Value {
        let half = Int.random(in: 2...5, using: &random)
        let input = normed(x)
        let both = linear(input, 2 * half)
        let (first, second) = (0..<half, half..<2 * half)
        let gate = builder.slice(both, random.oneIn(5) ? second : first)
        let up = builder.slice(
            random.oneIn(6) ? linear(input, 2 * half) : both, random.oneIn(5) ? first : second)
        if random.oneIn(6) { pool.append(random.pick([both, gate, up])) }
        let opened = builder.silu(gate)
        let product = random.oneIn(3) ? builder.multiply(up, opened) : builder.multiply(opened, up)
        return linear(product, width)
    }

    /// The things of which an attention may have one that no pass should take for the usual form.
    private enum AttentionFault: CaseIterable {
        case wrongValues, unturnedKeys, otherFrequencies, otherMagnitude, sliceForBias, otherReader, unnormedKeys,
            otherEps
    }

    /// Projection, bias or norms of queries and keys, rotary embedding, cache write, attention, as transformers write it;
    /// or nearly so.
    private mutating func attention(_ x: Value, normsHeads: Bool) -> Value {
        let e = width
        let fault = random.oneIn(2) ? nil : AttentionFault.allCases.randomElement(using: &random)
        let isRecurrent = recurrence == .induction ? !random.oneIn(4) : random.oneIn(4)
        let keyHeads = random.oneIn(2) ? heads : random.pick(self.keyHeads)
        let f = keyHeads * headWidth
        let cache = cache(heads: keyHeads, isRecurrent: isRecurrent)
        let recurrence = isRecurrent ? recurrence : .number(0)
        let joint = linear(normed(x), e + 2 * f)
        // Many models have no bias, and slice the product.
        var shifted = joint
        if fault == .sliceForBias || !normsHeads && !random.oneIn(3) {
            shifted = builder.slice(joint, 0..<e + f)
            if fault != .sliceForBias { shifted = builder.bias(shifted, offsets(e + f)) }
        }
        var queries = builder.slice(shifted, 0..<e)
        var keys = builder.slice(shifted, e..<e + f)
        if normsHeads {
            queries = normed(queries)
            if fault != .unnormedKeys {
                keys = builder.norm(keys, factors(f), eps: fault == .otherEps ? 1e-3 : 1e-5)
            }
        }
        let magnitude: Float = random.oneIn(normsHeads ? 8 : 4) ? 1.25 : 1
        queries = builder.rope(queries, position, frequencies(base: 100), heads: heads, magnitude: magnitude)
        if fault != .unturnedKeys {
            keys = builder.rope(
                keys, position, frequencies(base: fault == .otherFrequencies ? 50 : 100), heads: keyHeads,
                magnitude: fault == .otherMagnitude ? 0.5 : magnitude)
        }
        let values = builder.slice(joint, fault == .wrongValues ? 0..<f : e + f..<e + 2 * f)
        if fault == .otherReader { pool.append(random.pick([joint, shifted, keys, values, queries])) }
        builder.cacheWrite(keys, values, slot: slot, position: position, depth: depth, cache, recurrence: recurrence)
        let mixed = builder.wavefrontAttention(
            queries, slot: slot, position: position, depth: depth, cache, heads: heads, recurrence: recurrence)
        // The cache was just written, so another reader finds what it asks for.
        if random.oneIn(8) {
            pool.append(
                builder.wavefrontAttention(
                    any(e), slot: slot, position: position, depth: depth, cache, heads: heads, recurrence: recurrence))
        }
        return linear(mixed, e)
    }

    /// add, norm, and often a second norm; the sum and the first norm may have other readers.
    private mutating func residual() -> Value {
        let sum = sum(any(width))
        let first = builder.norm(sum, factors(width), eps: 1e-5)
        if random.oneIn(3) { pool.append(sum) }
        guard !random.oneIn(3) else { return first }
        if random.oneIn(2) { pool.append(first) }
        let second = builder.norm(first, factors(width), eps: random.oneIn(5) ? 1e-3 : 1e-5)
        return linear(second, Int.random(in: 3...9, using: &random))
    }

    /// A norm that is added to a row, on either side, and often a norm of that; each may have other readers.
    private mutating func normedResidual() -> Value {
        let inner = builder.norm(any(width), factors(width), eps: 1e-5)
        if random.oneIn(4) { pool.append(inner) }
        let other = random.oneIn(8) ? inner : any(width)
        let sum = random.oneIn(2) ? builder.add(inner, other) : builder.add(other, inner)
        guard !random.oneIn(3) else { return sum }
        if random.oneIn(2) { pool.append(sum) }
        return builder.norm(sum, factors(width), eps: random.oneIn(5) ? 1e-3 : 1e-5)
    }

    /// One input, the same operations twice.
    private mutating func lookAlikes(_ x: Value) -> Value {
        let weight = matrix(4, x.type.width)
        return builder.add(builder.silu(builder.linear(x, weight)), builder.linear(x, weight))
    }
}
