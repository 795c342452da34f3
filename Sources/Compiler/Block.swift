import IR

/// An index of a block for pattern matches: where values are defined and read, and how often the whole function reads
/// them. An unrolled function has tens of thousands of operations, so no match may search all of them.
struct BlockIndex {
    private let definitions: [String: Int]
    private let readers: [String: [Int]]
    private let uses: [String: Int]

    /// - Parameter uses: reads of each value in the whole function, see `Function.useCounts`.
    init(_ operations: [Operation], uses: [String: Int]) {
        var definitions: [String: Int] = [:]
        var readers: [String: [Int]] = [:]
        for (index, operation) in operations.enumerated() {
            for result in operation.results { definitions[result.name] = index }
            operation.forEachUse { readers[$0.name, default: []].append(index) }
        }
        self.definitions = definitions
        self.readers = readers
        self.uses = uses
    }

    /// The index of the operation of this block that defines the value.
    func definition(of value: Value) -> Int? { definitions[value.name] }

    /// The indices of the operations of this block that read the value, themselves or in a body, in order. An operation
    /// occurs once for each use.
    func readers(of value: Value) -> [Int] { readers[value.name] ?? [] }

    func uses(of value: Value) -> Int { uses[value.name] ?? 0 }
}

extension Function {
    /// Rewrites the function's outermost block and every loop's body, each with its own index.
    mutating func rewriteBlocks(_ rewrite: (_ operations: [Operation], _ block: BlockIndex) -> [Operation]) {
        let uses = useCounts
        rewriteOperations { rewrite($0, BlockIndex($0, uses: uses)) }
    }
}

/// An edit of a block: operations to remove and operations to put in their place, applied together.
struct BlockEdit {
    private var removed: Set<Int> = []
    private var placed: [Int: [Operation]] = [:]

    /// Whether an earlier match has taken the operation.
    func hasRemoved(_ index: Int) -> Bool { removed.contains(index) }

    /// Replaces the operations at `indices` by one that stands where the one at `position` stood.
    mutating func replace(_ indices: [Int], at position: Int, with operation: Operation) {
        removed.formUnion(indices)
        placed[position, default: []].append(operation)
    }

    mutating func remove(_ index: Int) { removed.insert(index) }

    func applied(to operations: [Operation]) -> [Operation] {
        operations.indices.flatMap { index in
            (placed[index] ?? []) + (removed.contains(index) ? [] : [operations[index]])
        }
    }
}
