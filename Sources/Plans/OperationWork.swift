import IR

/// The work of one operation, as its record counts it: the only place where floating point operations and the numbers of
/// a cache are counted. ``TapeCost`` sums it over a tape, and an inspection shows it for every operation.
public struct OperationWork: Hashable, Sendable {
    /// The sizes that the work depends on.
    public struct Sizes: Hashable, Sendable {
        /// Columns of the first operand and of the last result; 0 if there is none.
        public var operandColumns: Int
        public var resultColumns: Int
        /// Outputs and inputs of the matrix that the rows are multiplied with; 0 without one.
        public var outputs: Int
        public var inputs: Int
        /// Numbers of a position's keys in the cache; 0 without one.
        public var cacheColumns: Int

        public init(
            operandColumns: Int = 0, resultColumns: Int = 0, outputs: Int = 0, inputs: Int = 0, cacheColumns: Int = 0
        ) {
            self.operandColumns = operandColumns
            self.resultColumns = resultColumns
            self.outputs = outputs
            self.inputs = inputs
            self.cacheColumns = cacheColumns
        }
    }

    /// Multiplications and additions of the matrix product, for each row.
    public var productFlopsPerRow = 0
    /// All other floating point operations, for each row.
    public var otherFlopsPerRow = 0
    /// Floating point operations for each row and each position that it attends to.
    public var flopsPerPosition = 0
    /// Numbers of keys and values written for each row, and read for each position.
    public var cacheNumbersWrittenPerRow = 0
    public var cacheNumbersReadPerPosition = 0

    public init(of opcode: Opcode, _ sizes: Sizes) {
        let traits = opcode.traits
        if traits.readsMatrix {
            productFlopsPerRow = Self.productFlops(outputs: sizes.outputs, inputs: sizes.inputs)
        }
        switch traits.flops {
        case .none: break
        case .perResultColumn(let count): otherFlopsPerRow = count * sizes.resultColumns
        case .perOperandColumn(let count): otherFlopsPerRow = count * sizes.operandColumns
        case .perMatrixOutput(let count): otherFlopsPerRow = count * sizes.outputs
        case .perResultColumnAndPosition(let count): flopsPerPosition = count * sizes.resultColumns
        }
        // A key and a value.
        switch traits.cache {
        case .write: cacheNumbersWrittenPerRow = 2 * sizes.cacheColumns
        case .read: cacheNumbersReadPerPosition = 2 * sizes.cacheColumns
        case nil: break
        }
    }

    /// Operations of the product of one row with a matrix: a multiplication and an addition for each of its numbers.
    public static func productFlops(outputs: Int, inputs: Int) -> Int { 2 * outputs * inputs }
}
