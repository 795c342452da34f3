import Foundation
import NumberFormats
import Plans

/// Converts the numbers of a weight to the form in which a plan stores it, some strips at a time and on several threads.
///
/// A strip depends on nothing but its own rows of the weight, so neither the number of threads nor the size of the pieces
/// changes a bit of the result. What a format stores behind all strips, such as the scales of int8, is kept until the last
/// strip is handed on.
struct WeightPacker {
    let weight: ScheduledWeight
    let source: AssembledWeight

    private let layout: any WeightLayout.Type

    /// The size of a piece: two of the blocks that `AtomicFile` writes, and little enough to stay in a cache.
    private static let pieceBytes = 4 << 20

    /// The maximum memory of all pieces in progress together, whatever the number of cores.
    private static let memoryLimit = 1 << 30

    /// - Throws: ``PlanError`` if weights cannot have the format.
    init(_ weight: ScheduledWeight, source: AssembledWeight) throws {
        self.weight = weight
        layout = try weight.layout
        self.source = source
    }

    /// - Parameters:
    ///   - workers: threads to work on, at least 1.
    ///   - append: receives the weight's stored bytes in order, from any of the threads but one at a time.
    /// - Throws: an error of reading the tensor or of `append`, or ``PlanError`` for a number that the format cannot store.
    func pack(workers: Int, _ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        if weight.isVector && source.columns == 1 { return try packVector(append) }
        let outputs = layout.stripOutputs
        let length = source.maxStoredColumns
        let stripBytes = layout.stripBytes(rows: outputs, columns: weight.columns)
        let strips = (weight.rows + outputs - 1) / outputs
        let stripsAtOnce = max(1, min(strips, Self.pieceBytes / max(1, stripBytes)))
        let (floatCount, scratchCount) = (outputs * weight.columns, outputs * length)
        let workerBytes = (floatCount + scratchCount) * MemoryLayout<Float>.stride + stripsAtOnce * stripBytes
        let trailerBytes = outputs * layout.trailingBytes
        var trailer: [UInt8] = []
        try OrderedPieces(
            count: (strips + stripsAtOnce - 1) / stripsAtOnce,
            workers: min(workers, max(1, Self.memoryLimit / max(1, workerBytes)))
        ).run {
            PieceMemory(
                floats: floatCount, scratch: scratchCount, bytes: stripsAtOnce * stripBytes,
                trailer: stripsAtOnce * trailerBytes)
        } make: { piece, memory in
            let first = piece * stripsAtOnce
            memory.used = 0
            memory.trailerUsed = 0
            for strip in first..<min(first + stripsAtOnce, strips) {
                let rows = strip * outputs..<min((strip + 1) * outputs, weight.rows)
                let floats = UnsafeMutableBufferPointer(rebasing: memory.floats[..<(rows.count * weight.columns)])
                try source.read(rows: rows, into: floats, scratch: memory.scratch)
                let weights = UnsafeBufferPointer(floats)
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
            source.release(rows: first * outputs..<min((first + stripsAtOnce) * outputs, weight.rows))
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
            "The tensor \(source.name) has \(weights[index]) in row \(firstRow + index / weight.columns), which "
                + "\(weight.format) cannot store. Give this matrix the format bf16 or f32, or repair the "
                + "checkpoint.")
    }

    /// A vector is stored as it is.
    private func packVector(_ append: (UnsafeRawBufferPointer) throws -> Void) throws {
        var floats = [Float](repeating: 0, count: weight.columns)
        try floats.withUnsafeMutableBufferPointer {
            try source.read(
                rows: 0..<weight.columns, into: $0, scratch: UnsafeMutableBufferPointer(start: nil, count: 0))
        }
        try floats.withUnsafeBytes(append)
    }
}

/// The memory of one worker: the floats of a strip, and the stored bytes of a piece.
private final class PieceMemory {
    let floats: UnsafeMutableBufferPointer<Float>
    /// Room for the whole rows of which only some columns are wanted.
    let scratch: UnsafeMutableBufferPointer<Float>
    let bytes: UnsafeMutableRawBufferPointer
    /// The piece's part of what stands behind all strips.
    let trailer: UnsafeMutableRawBufferPointer
    /// The bytes of the piece so far, and of its trailer.
    var used = 0
    var trailerUsed = 0

    init(floats floatCount: Int, scratch scratchCount: Int, bytes byteCount: Int, trailer trailerByteCount: Int) {
        floats = .allocate(capacity: floatCount)
        floats.initialize(repeating: 0)
        scratch = .allocate(capacity: scratchCount)
        scratch.initialize(repeating: 0)
        // Aligned to a cache line, as all that kernels read.
        bytes = .allocate(byteCount: byteCount, alignment: 64)
        trailer = .allocate(byteCount: trailerByteCount, alignment: 64)
    }

    deinit {
        floats.deallocate()
        scratch.deallocate()
        bytes.deallocate()
        trailer.deallocate()
    }
}
