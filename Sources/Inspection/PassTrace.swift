/// The effect of a pass on a function: the operations that it added, removed and moved, and the operations that took
/// over the work of the removed ones.
///
/// Passes keep no record, but names identify values: a value that exists on both sides is the same value. A removed
/// operation is mapped to the first of these that exists:
///
/// 1. its copies, if it was in a loop that was unrolled, or the copies of its body if it was that loop;
/// 2. the operations that now compute its results;
/// 3. the operations to which its readers were mapped, because it was fused with them;
/// 4. the new operations on the same cache or weight, if it is an operation on a cache or has no results.
///
/// A new operation that only feeds one of those counts as well, unless the one that it feeds is of the same kind as the
/// removed operation: a product with a concatenation becomes two products and their sum.
struct PassTrace {
    private(set) var added: [Int] = []
    private(set) var removed: [Int] = []
    private(set) var moved: [Int] = []
    private(set) var became: [Transition] = []

    private let operations: [InspectedOperation]
    private let values: [InspectedValue]
    private var images: [Int: [Int]] = [:]

    init(
        from before: InspectedStage, to after: InspectedStage, operations: [InspectedOperation],
        values: [InspectedValue]
    ) {
        self.operations = operations
        self.values = values
        let old = before.inOrder
        let new = after.inOrder
        let (oldSet, newSet) = (Set(old), Set(new))
        added = new.filter { !oldSet.contains($0) }
        removed = old.filter { !newSet.contains($0) }
        let (oldLoops, newLoops) = (before.loopOfOperation, after.loopOfOperation)
        moved = new.filter { oldSet.contains($0) && oldLoops[$0] != newLoops[$0] }

        traceCopies(of: before.loops.filter { !newSet.contains($0.operation) }, in: after)
        traceRemoved(before, after)
        traceHelpers(after)
        became = removed.compactMap { operation in
            images[operation].flatMap { $0.isEmpty ? nil : Transition(operation: operation, into: $0) }
        }
    }

    private func name(_ value: Int) -> String { values[value].name }

    /// Finds the copies of each unrolled loop: a sequence of new operations that repeats the kinds of the body as often
    /// as possible.
    private mutating func traceCopies(of loops: [InspectedLoop], in after: InspectedStage) {
        let new = Set(added)
        let list = after.operations
        var start = 0
        for loop in loops where !loop.operations.isEmpty {
            let body = loop.operations
            func isCopy(at place: Int) -> Bool {
                place + body.count <= list.count
                    && body.indices.allSatisfy { new.contains(list[place + $0]) && isAlike(body[$0], list[place + $0]) }
            }
            guard let first = list.indices.dropFirst(start).first(where: isCopy) else { continue }
            start = first
            while isCopy(at: start) {
                for (offset, operation) in body.enumerated() {
                    images[operation, default: []].append(list[start + offset])
                }
                start += body.count
            }
            images[loop.operation] = Array(list[first..<start])
        }
    }

    private func isAlike(_ a: Int, _ b: Int) -> Bool {
        let (a, b) = (operations[a], operations[b])
        return a.opcode == b.opcode && a.weights == b.weights && a.cache == b.cache
    }

    private mutating func traceRemoved(_ before: InspectedStage, _ after: InspectedStage) {
        var definitions: [String: Int] = [:]
        for operation in after.inOrder {
            for result in operations[operation].results { definitions[name(result)] = operation }
        }
        var readers: [Int: [Int]] = [:]
        for operation in before.inOrder {
            for operand in operations[operation].operands { readers[operand, default: []].append(operation) }
        }
        let new = Set(added)
        // Readers come after the values that they read, so in reversed order a reader is mapped before its operands.
        for operation in removed.reversed() where images[operation] == nil {
            let results = operations[operation].results
            var found = unique(results.compactMap { definitions[name($0)] })
            if found.isEmpty {
                found = unique(results.flatMap { readers[$0] ?? [] }.flatMap { images[$0] ?? [] })
            }
            if found.isEmpty {
                let old = operations[operation]
                found = after.inOrder.filter { candidate in
                    let other = operations[candidate]
                    guard new.contains(candidate) else { return false }
                    if old.cache != nil { return other.cache == old.cache && other.recurrence == old.recurrence }
                    return results.isEmpty && !Set(other.weights).isDisjoint(with: old.weights)
                }
            }
            if !found.isEmpty { images[operation] = found }
        }
    }

    private mutating func traceHelpers(_ after: InspectedStage) {
        var origins: [Int: [Int]] = [:]
        for operation in removed {
            for image in images[operation] ?? [] { origins[image, default: []].append(operation) }
        }
        var readers: [Int: [Int]] = [:]
        for operation in after.inOrder {
            for operand in operations[operation].operands { readers[operand, default: []].append(operation) }
        }
        for helper in added.reversed() where origins[helper] == nil {
            var helped: [Int] = []
            for reader in operations[helper].results.flatMap({ readers[$0] ?? [] }) {
                let own = origins[reader] ?? []
                guard !own.contains(where: { operations[$0].opcode == operations[reader].opcode }) else { continue }
                helped += own
            }
            for operation in unique(helped) {
                origins[helper, default: []].append(operation)
                images[operation, default: []].append(helper)
            }
        }
    }

    private func unique(_ numbers: [Int]) -> [Int] {
        var seen: Set<Int> = []
        return numbers.filter { seen.insert($0).inserted }
    }
}

extension InspectedStage {
    /// The operations in order. The operations of a loop's body follow the loop.
    public var inOrder: [Int] {
        let bodies = Dictionary(loops.map { ($0.operation, $0.operations) }) { first, _ in first }
        return operations.flatMap { [$0] + (bodies[$0] ?? []) }
    }

    /// The loop that each operation is in, for operations that are in a loop.
    var loopOfOperation: [Int: Int] {
        var result: [Int: Int] = [:]
        for loop in loops {
            for operation in loop.operations { result[operation] = loop.operation }
        }
        return result
    }
}

extension InspectedOperation {
    /// The recurrence of an operation on a cache, as text.
    var recurrence: Substring? {
        attributes?.split(separator: ", ").first { $0.hasPrefix("recurrence = ") }
    }
}
