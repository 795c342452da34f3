import IR
import Plans

/// What one execution of an operation reads, writes and computes.
///
/// Bytes of values are those of their numbers and scales, without padding. A floating point operation is an addition, a
/// multiplication, a division, a comparison or one value of an elementary function; what is done once a row and not
/// once a column (the root of a norm, a quotient of sums) is left out, and so are conversions and moves.
public struct OperationCost: Codable, Hashable, Sendable {
    /// Weights as stored, read once however many rows there are.
    public var weightBytes = 0
    /// Weights that are read for each row: a row of the embedding.
    public var weightBytesPerRow = 0
    /// Values read and written, for each row.
    public var readBytesPerRow = 0
    public var writtenBytesPerRow = 0
    /// Keys and values, in f32: written for each row, and read for each position that is looked at.
    public var cacheBytesWrittenPerRow = 0
    public var cacheBytesReadPerPosition = 0
    public var flopsPerRow = 0
    /// Of attention: for each row and each position that it looks at.
    public var flopsPerPosition = 0

    public init() {}

    /// - Parameters:
    ///   - module: the module whose weights and caches the operation names.
    ///   - weights: sizes and formats of the module's weights by name.
    init(_ operation: Operation, in module: Module, weights: [String: ScheduledWeight]) {
        guard operation.opcode != .repeat else { return }
        let traits = operation.opcode.traits
        let stored = operation.symbols.compactMap { weights[$0] }
        if traits.matrix == .gathered {
            weightBytesPerRow = stored.map { ($0.byteCount ?? 0) / max(1, $0.rows) }.reduce(0, +)
        } else {
            weightBytes = stored.compactMap(\.byteCount).reduce(0, +)
        }
        readBytesPerRow = operation.operands.map(Self.bytes).reduce(0, +)
        writtenBytesPerRow = operation.results.map(Self.bytes).reduce(0, +)
        let matrix = traits.readsMatrix ? stored.first : nil
        let work = OperationWork(
            of: operation.opcode,
            .init(
                operandColumns: operation.operands.first?.type.width ?? 0,
                resultColumns: operation.results.last?.type.width ?? 0,
                outputs: matrix?.rows ?? 0, inputs: matrix?.columns ?? 0,
                cacheColumns: operation.symbols.lazy.compactMap(module.cache).first?.type.width ?? 0))
        flopsPerRow = work.productFlopsPerRow + work.otherFlopsPerRow
        flopsPerPosition = work.flopsPerPosition
        cacheBytesWrittenPerRow = work.cacheNumbersWrittenPerRow * Self.cacheElementBytes
        cacheBytesReadPerPosition = work.cacheNumbersReadPerPosition * Self.cacheElementBytes
    }

    private static let cacheElementBytes = 4

    private static func bytes(_ value: Value) -> Int {
        value.type.element.rows?.contentBytes(width: value.type.width) ?? 0
    }
}

extension ScheduledWeight {
    /// A module's weight as it would be stored; nil for what no plan can hold.
    init?(inspecting weight: Weight) {
        guard let extents = weight.type.fixedExtents, let columns = extents.last,
            weight.type.element.weights != nil
        else { return nil }
        self.init(
            name: weight.name, format: weight.type.element, rows: extents.count == 2 ? extents[0] : 1, columns: columns)
    }
}
