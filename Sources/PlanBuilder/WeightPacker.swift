import Checkpoints
import Foundation
import NumberFormats
import Plans

/// Converts one tensor of a checkpoint to a weight of a plan, some strips at a time and on several threads.
///
/// A strip depends on nothing but its own rows of the tensor, so neither the number of threads nor the size of the pieces
/// changes a bit of the result. What a format stores behind all strips, such as the scales of int8, is kept until the last
/// strip is handed on.
struct WeightPacker {
    let weight: ScheduledWeight
    let tensor: CheckpointTensor
    /// The columns of the tensor that the weight consists of; nil for all.
    let columns: Range<Int>?

    private let layout: any WeightLayout.Type

    /// The size of a piece: two of the blocks that `AtomicFile` writes, and little enough to stay in a cache.
    private static let pieceBytes = 4 << 20

    /// The maximum memory of all pieces in progress together, whatever the number of cores.
    private static let memoryLimit = 1 << 30

    /// - Throws: ``PlanError`` if weights cannot have the format.
    init(_ weight: ScheduledWeight, tensor: CheckpointTensor, columns: Range<Int>?) throws {
        self.weight = weight
        layout = try weight.layout
        self.tensor = tensor
        self.columns = columns
    }

    /// - Parameters:
    ///   - workers: threads to work on, at least 1.
    ///   - append: receives the weight's stored bytes in order, from any of the threads but one at a time.
    /// - Throws: an error of reading the tensor or of `append`, or ``PlanError`` for a number that the format cannot store.
    func pack(workers: Int, _ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        // A bias of several extents is one vector: its rows follow each other.
        if weight.isVector && tensor.stored.rowCount != 1 {
            return try tensor.floats().withUnsafeBytes(append)
        }
        let outputs = layout.stripOutputs
        let length = tensor.stored.rowLength
        let stripBytes = layout.stripBytes(rows: outputs, columns: weight.columns)
        let strips = (weight.rows + outputs - 1) / outputs
        let stripsAtOnce = max(1, min(strips, Self.pieceBytes / max(1, stripBytes)))
        let floatCount = outputs * length
        let workerBytes = floatCount * MemoryLayout<Float>.stride + stripsAtOnce * stripBytes
        let trailerBytes = outputs * layout.trailingBytes
        var trailer: [UInt8] = []
        try OrderedPieces(
            count: (strips + stripsAtOnce - 1) / stripsAtOnce,
            workers: min(workers, max(1, Self.memoryLimit / max(1, workerBytes)))
        ).run {
            PieceMemory(floats: floatCount, bytes: stripsAtOnce * stripBytes, trailer: stripsAtOnce * trailerBytes)
        } make: { piece, memory in
            let first = piece * stripsAtOnce
            memory.used = 0
            memory.trailerUsed = 0
            for strip in first..<min(first + stripsAtOnce, strips) {
                let rows = strip * outputs..<min((strip + 1) * outputs, weight.rows)
                let floats = UnsafeMutableBufferPointer(rebasing: memory.floats[..<(rows.count * length)])
                try tensor.read(rows: rows, into: floats)
                if let columns { Self.keep(columns, of: floats, rows: rows.count, length: length) }
                let weights = UnsafeBufferPointer(rebasing: floats[..<(rows.count * weight.columns)])
                try checkFinite(weights, from: rows.lowerBound)
                let end = memory.used + layout.stripBytes(rows: rows.count, columns: weight.columns)
                let trailerEnd = memory.trailerUsed + trailerBytes
                layout.packStrip(
                    weights, rows: rows.count, columns: weight.columns,
                    into: UnsafeMutableRawBufferPointer(rebasing: memory.bytes[memory.used..<end]),
                    trailer: UnsafeMutableRawBufferPointer(rebasing: memory.trailer[memory.trailerUsed..<trailerEnd]))
                memory.used = end
                memory.trailerUsed = trailerEnd
            }
            tensor.release(rows: first * outputs..<(first + stripsAtOnce) * outputs)
        } deliver: { memory in
            try append(UnsafeRawBufferPointer(rebasing: memory.bytes[..<memory.used]))
            trailer += memory.trailer[..<memory.trailerUsed]
        }
        if !trailer.isEmpty { try trailer.withUnsafeBytes(append) }
    }

    /// - Throws: ``PlanError`` for an infinity or a NaN that the format cannot store.
    private func checkFinite(_ weights: UnsafeBufferPointer<Float>, from firstRow: Int) throws {
        guard layout.isQuantized, let index = weights.firstIndex(where: { !$0.isFinite }) else { return }
        throw PlanError(
            "The tensor \(tensor.name) has \(weights[index]) in row \(firstRow + index / weight.columns), which "
                + "\(weight.format) cannot store. Give this matrix the format bf16 or f32, or repair the "
                + "checkpoint.")
    }

    /// Moves the wanted columns of every row together.
    private static func keep(
        _ columns: Range<Int>, of floats: UnsafeMutableBufferPointer<Float>, rows: Int, length: Int
    ) {
        guard let start = floats.baseAddress else { return }
        for row in 0..<rows {
            // If the two overlap, the target lies before the source.
            (start + row * columns.count).update(from: start + row * length + columns.lowerBound, count: columns.count)
        }
    }
}

/// The memory of one worker: the floats of a strip, and the stored bytes of a piece.
private final class PieceMemory {
    let floats: UnsafeMutableBufferPointer<Float>
    let bytes: UnsafeMutableRawBufferPointer
    /// The piece's part of what stands behind all strips.
    let trailer: UnsafeMutableRawBufferPointer
    /// The bytes of the piece so far, and of its trailer.
    var used = 0
    var trailerUsed = 0

    init(floats floatCount: Int, bytes byteCount: Int, trailer trailerByteCount: Int) {
        floats = .allocate(capacity: floatCount)
        floats.initialize(repeating: 0)
        // Aligned to a cache line, as all that kernels read.
        bytes = .allocate(byteCount: byteCount, alignment: 64)
        trailer = .allocate(byteCount: trailerByteCount, alignment: 64)
    }

    deinit {
        floats.deallocate()
        bytes.deallocate()
        trailer.deallocate()
    }
}
