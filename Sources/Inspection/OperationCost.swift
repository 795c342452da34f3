import IR
import Plans

/// The bytes that one execution of an operation reads and writes, and the floating point operations that it performs.
///
/// The bytes of values are those of their numbers and scales, without padding. An addition, a multiplication, a
/// division, a comparison and one value of an elementary function are one floating point operation each. Work that is
/// done once per row and not once per column (the root of a norm, a quotient of sums) is left out, and so are
/// conversions and moves.
public struct OperationCost: Codable, Hashable, Sendable {
    /// The stored bytes of the weights that are read once for any number of rows.
    public var weightBytes = 0
    /// The bytes of weights that are read for each row, such as a row of the embedding.
    public var weightBytesPerRow = 0
    /// The bytes of values that are read for each row.
    public var readBytesPerRow = 0
    /// The bytes of values that are written for each row.
    public var writtenBytesPerRow = 0
    /// The bytes of keys and values that are written for each row, in f32.
    public var cacheBytesWrittenPerRow = 0
    /// The bytes of keys and values that are read for each position that a row attends to, in f32.
    public var cacheBytesReadPerPosition = 0
    /// The floating point operations for each row, without those of attention.
    public var flopsPerRow = 0
    /// The floating point operations of attention for each row and each position that it attends to.
    public var flopsPerPosition = 0

    public init() {}

    /// - Parameters:
    ///   - module: the module that declares the operation's weights and caches.
    ///   - weights: the sizes and formats of the module's weights, by name.
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
    /// The stored form of a module's weight; nil if no plan can store it.
    init?(inspecting weight: Weight) {
        guard let extents = weight.type.fixedExtents, let columns = extents.last,
            weight.type.element.weights != nil
        else { return nil }
        self.init(
            name: weight.name, format: weight.type.element, rows: extents.count == 2 ? extents[0] : 1, columns: columns)
    }
}
