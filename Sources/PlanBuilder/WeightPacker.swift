import Checkpoints
import Foundation
import Plans

/// Converts one tensor of a checkpoint to a weight of a plan, some strips at a time and on several threads.
///
/// A strip is ``stripRows`` outputs and depends on nothing but their rows of the tensor, so neither the number of threads
/// nor the size of the pieces changes a bit of the result. What int8 has behind all strips, its scales, is kept until
/// the last strip is handed on.
struct WeightPacker {
    let weight: ScheduledWeight
    let tensor: CheckpointTensor
    /// The columns of the tensor that the weight consists of; nil for all.
    let columns: Range<Int>?

    /// Outputs of a strip, in every format.
    static let stripRows = PackedBF16.block

    /// What is made at once: two of the blocks that `AtomicFile` writes, and little enough to stay in a cache.
    private static let pieceBytes = 4 << 20

    /// The most memory that all pieces in progress take together, whatever the number of cores.
    private static let memoryLimit = 1 << 30

    init(_ weight: ScheduledWeight, tensor: CheckpointTensor, columns: Range<Int>?) {
        self.weight = weight
        self.tensor = tensor
        self.columns = columns
    }

    /// - Parameters:
    ///   - workers: threads to work on, at least 1.
    ///   - append: gets the weight's stored bytes in order, from any of the threads but one at a time.
    /// - Throws: what reading the tensor or `append` throws.
    func pack(workers: Int, _ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        // A bias of several extents is one vector: its rows follow each other.
        if weight.rows == 1 && tensor.stored.rowCount != 1 && weight.format == .f32 {
            return try tensor.floats().withUnsafeBytes(append)
        }
        let length = tensor.stored.rowLength
        let stripBytes = Self.bytes(ofStripWith: Self.stripRows, of: weight)
        let strips = (weight.rows + Self.stripRows - 1) / Self.stripRows
        let stripsAtOnce = max(1, min(strips, Self.pieceBytes / max(1, stripBytes)))
        let floatCount = Self.stripRows * length
        let workerBytes = floatCount * MemoryLayout<Float>.stride + stripsAtOnce * stripBytes
        // What an int8 matrix has behind all its strips.
        var scales: [Float] = []
        try OrderedPieces(
            count: (strips + stripsAtOnce - 1) / stripsAtOnce,
            workers: min(workers, max(1, Self.memoryLimit / max(1, workerBytes)))
        ).run {
            PieceMemory(floats: floatCount, bytes: stripsAtOnce * stripBytes, outputs: stripsAtOnce * Self.stripRows)
        } make: { piece, memory in
            let first = piece * stripsAtOnce
            memory.used = 0
            memory.outputs = 0
            for strip in first..<min(first + stripsAtOnce, strips) {
                let rows = strip * Self.stripRows..<min((strip + 1) * Self.stripRows, weight.rows)
                let floats = UnsafeMutableBufferPointer(rebasing: memory.floats[..<(rows.count * length)])
                try tensor.read(rows: rows, into: floats)
                if let columns { Self.keep(columns, of: floats, rows: rows.count, length: length) }
                let weights = UnsafeBufferPointer(rebasing: floats[..<(rows.count * weight.columns)])
                try checkFinite(weights, from: rows.lowerBound)
                let end = memory.used + Self.bytes(ofStripWith: rows.count, of: weight)
                Self.packStrip(
                    weights, rows: rows.count, of: weight,
                    into: UnsafeMutableRawBufferPointer(rebasing: memory.bytes[memory.used..<end]),
                    scales: UnsafeMutableBufferPointer(rebasing: memory.scales[memory.outputs...]))
                memory.used = end
                memory.outputs += Self.stripRows
            }
            tensor.release(rows: first * Self.stripRows..<(first + stripsAtOnce) * Self.stripRows)
        } deliver: { memory in
            try append(UnsafeRawBufferPointer(rebasing: memory.bytes[..<memory.used]))
            if weight.format == .int8 { scales += memory.scales[..<memory.outputs] }
        }
        if weight.format == .int8 { try scales.withUnsafeBytes(append) }
    }

    // MARK: Strips

    /// The stored size of a strip with `rows` outputs, without what stands behind all strips.
    static func bytes(ofStripWith rows: Int, of weight: ScheduledWeight) -> Int {
        switch weight.format {
        case .f32: rows * weight.columns * MemoryLayout<Float>.stride
        case .bf16: PackedBF16.stripElements(columns: weight.columns) * MemoryLayout<UInt16>.stride
        case .int8: PackedInt8.stripBytes(columns: weight.columns)
        case .int4: PackedInt4.stripBytes(columns: weight.columns)
        }
    }

    /// Packs one strip: a function of the floats alone.
    /// - Parameters:
    ///   - floats: `rows × weight.columns`, row-major, at least that many.
    ///   - bytes: as many as ``bytes(ofStripWith:of:)`` says; all are written.
    ///   - scales: room for ``stripRows``; only int8 has and writes them.
    static func packStrip(
        _ floats: UnsafeBufferPointer<Float>, rows: Int, of weight: ScheduledWeight,
        into bytes: UnsafeMutableRawBufferPointer, scales: UnsafeMutableBufferPointer<Float>
    ) {
        switch weight.format {
        case .f32:
            bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(floats)[..<bytes.count]))
        case .bf16:
            PackedBF16.packStrip(floats, rows: rows, columns: weight.columns, into: bytes.bindMemory(to: UInt16.self))
        case .int8:
            PackedInt8.packStrip(
                floats, rows: rows, columns: weight.columns, into: bytes,
                scales: UnsafeMutableBufferPointer(rebasing: scales[..<PackedInt8.strip]))
        case .int4: PackedInt4.packStrip(floats, rows: rows, columns: weight.columns, into: bytes)
        }
    }

    /// - Throws: ``PlanError`` for an infinity or a NaN that the format cannot store.
    private func checkFinite(_ weights: UnsafeBufferPointer<Float>, from firstRow: Int) throws {
        guard weight.format == .int8 || weight.format == .int4,
            let index = weights.firstIndex(where: { !$0.isFinite })
        else { return }
        throw PlanError(
            "The tensor \(tensor.name) has \(weights[index]) in row \(firstRow + index / weight.columns), which "
                + "\(weight.format.rawValue) cannot store. Give this matrix the format bf16 or f32, or repair the "
                + "checkpoint.")
    }

    /// Moves the wanted columns of every row together.
    private static func keep(
        _ columns: Range<Int>, of floats: UnsafeMutableBufferPointer<Float>, rows: Int, length: Int
    ) {
        guard let start = floats.baseAddress else { return }
        for row in 0..<rows {
            // The two may overlap, and then lie in ascending order.
            (start + row * columns.count).update(from: start + row * length + columns.lowerBound, count: columns.count)
        }
    }
}

/// What one worker needs: the floats of a strip, and the stored bytes of a piece.
private final class PieceMemory {
    let floats: UnsafeMutableBufferPointer<Float>
    let bytes: UnsafeMutableRawBufferPointer
    /// Of each output of an int8 piece.
    let scales: UnsafeMutableBufferPointer<Float>
    /// Bytes of the piece so far, and outputs.
    var used = 0
    var outputs = 0

    init(floats floatCount: Int, bytes byteCount: Int, outputs outputCount: Int) {
        floats = .allocate(capacity: floatCount)
        floats.initialize(repeating: 0)
        // A cache line, as for all that kernels read.
        bytes = .allocate(byteCount: byteCount, alignment: 64)
        scales = .allocate(capacity: outputCount)
        scales.initialize(repeating: 0)
    }

    deinit {
        floats.deallocate()
        bytes.deallocate()
        scales.deallocate()
    }
}
