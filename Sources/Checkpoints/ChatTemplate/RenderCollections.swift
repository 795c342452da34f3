/// The elements of a sequence, with the numbers that bound a walk over them.
struct RenderItems {
    let elements: [RenderValue]
    let depth: Int
    let weight: Int

    init(_ elements: [RenderValue], budget: TemplateBudget) throws {
        try budget.make(bytes: elements.count * MemoryLayout<RenderValue>.stride)
        (depth, weight) = try Self.measure(elements)
        self.elements = elements
    }

    /// The depth and weight of something that holds `elements`.
    static func measure(_ elements: some Sequence<RenderValue>) throws -> (depth: Int, weight: Int) {
        var depth = 0
        var weight = 1
        for element in elements {
            depth = max(depth, element.depth)
            weight += element.weight
            guard weight <= TemplateLimits.valueWeight else {
                throw TemplateFault("a list or dictionary holds more than \(TemplateLimits.valueWeight) values")
            }
        }
        guard depth < TemplateLimits.valueDepth else {
            throw TemplateFault("lists or dictionaries are nested more than \(TemplateLimits.valueDepth) levels deep")
        }
        return (depth + 1, weight)
    }
}

/// The bounds of a `range`, as it prints them.
struct RenderRange {
    let start: Int
    let stop: Int
    let step: Int
}

/// The result of `map`, `select` and similar filters: it can be visited once and is always true.
///
/// As in Jinja2, the work is done when the stream is visited, so that a stream that nobody reads cannot fail.
final class RenderStream {
    private var produce: (() throws -> [RenderValue])?
    let depth: Int

    /// - Parameter source: the value that `produce` reads.
    init(over source: RenderValue, produce: @escaping () throws -> [RenderValue]) throws {
        depth = try RenderItems.measure(CollectionOfOne(source)).depth
        self.produce = produce
    }

    func take() throws -> [RenderValue] {
        defer { produce = nil }
        return try produce?() ?? []
    }
}

/// Keys and values in the order of insertion.
struct RenderDictionary {
    let entries: [(key: RenderValue, value: RenderValue)]
    private let positions: [RenderValue: Int]
    let depth: Int
    let weight: Int

    /// A key that occurs twice keeps its first place and its last value.
    init(_ pairs: [(key: RenderValue, value: RenderValue)], budget: TemplateBudget) throws {
        try budget.make(bytes: pairs.count * 4 * MemoryLayout<RenderValue>.stride)
        (depth, weight) = try RenderItems.measure(pairs.lazy.flatMap { [$0.key, $0.value] })
        var entries: [(key: RenderValue, value: RenderValue)] = []
        var positions: [RenderValue: Int] = [:]
        for pair in pairs {
            guard pair.key.isHashable else {
                throw TemplateFault("\(pair.key.typeName) cannot be a dictionary's key")
            }
            if let position = positions[pair.key] {
                entries[position].value = pair.value
            } else {
                positions[pair.key] = entries.count
                entries.append(pair)
            }
        }
        self.entries = entries
        self.positions = positions
    }

    subscript(key: RenderValue) -> RenderValue? {
        key.isHashable ? positions[key].map { entries[$0].value } : nil
    }
}
