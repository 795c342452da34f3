import IR

/// The work of one operation, as its record counts it: the only place where floating point operations and the numbers of
/// a cache are counted. ``TapeCost`` sums it over a tape, and an inspection shows it for every operation.
public struct OperationWork: Hashable, Sendable {
    /// The sizes that the work depends on.
    public struct Sizes: Hashable, Sendable {
        /// The number of columns of the first operand; 0 if there is none.
        public var operandColumns: Int
        /// The number of columns of the last result; 0 if there is none.
        public var resultColumns: Int
        /// The number of outputs of the matrix that the rows are multiplied with; 0 if there is none.
        public var outputs: Int
        /// The number of inputs of that matrix; 0 if there is none.
        public var inputs: Int
        /// The number of columns of a position's keys in the cache; 0 if there is none.
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

    /// The multiplications and additions of the matrix product, for each row.
    public var productFlopsPerRow = 0
    /// The other floating point operations, for each row.
    public var otherFlopsPerRow = 0
    /// The floating point operations for each row and each position that it attends to.
    public var flopsPerPosition = 0
    /// The number of elements of keys and values that are written for each row.
    public var cacheNumbersWrittenPerRow = 0
    /// The number of elements of keys and values that are read for each position.
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
        // A cache holds a key and a value of each position.
        switch traits.cache {
        case .write: cacheNumbersWrittenPerRow = 2 * sizes.cacheColumns
        case .read: cacheNumbersReadPerPosition = 2 * sizes.cacheColumns
        case nil: break
        }
    }

    /// The floating point operations of the product of one row with a matrix: a multiplication and an addition for each
    /// element of the matrix.
    public static func productFlops(outputs: Int, inputs: Int) -> Int { 2 * outputs * inputs }
}
