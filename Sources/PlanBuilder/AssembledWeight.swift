import Checkpoints
import IR

/// The numbers of a weight, read from the tensors of a checkpoint or computed, some rows at a time.
struct AssembledWeight {
    /// Some rows of the weight that come from one tensor.
    private struct Part {
        var piece: WeightPiece
        var tensor: CheckpointTensor
        /// The rows of the weight.
        var rows: Range<Int>
        /// The columns of the tensor.
        var width: Int
        /// The columns that belong to the weight.
        var columns: Range<Int>
    }

    /// The weight's name, for messages.
    let name: String
    /// The number of columns of the weight; 1 for a vector, whose elements count as rows.
    let columns: Int
    /// The maximum number of columns of a tensor that rows are read from.
    let maxStoredColumns: Int
    private let parts: [Part]
    /// The numbers of a weight that is computed.
    private let computed: [Float]

    /// - Parameter tiedNames: the names under which a file may store the matrix of embedding and head; empty if they
    ///   are two.
    /// - Throws: ``CheckpointError`` if a tensor is missing or has another shape.
    init(_ weight: Weight, of checkpoint: Checkpoint, tiedNames: [String]) throws {
        name = weight.name
        let extents = weight.type.fixedExtents ?? []
        let isMatrix = extents.count == 2
        columns = isMatrix ? extents[1] : 1
        if case .frequencies(let frequencies)? = weight.source {
            computed = frequencies.values(pairs: extents.first ?? 0)
        } else {
            computed = []
        }
        var parts: [Part] = []
        for piece in weight.pieces {
            let others = tiedNames.contains(piece.tensor) ? tiedNames : []
            let tensor = try checkpoint.tensor(piece.tensor, shape: piece.shape, or: others)
            let first = parts.last?.rows.upperBound ?? 0
            let width = isMatrix ? piece.shape.last ?? 1 : 1
            let rows = piece.rows(inMatrix: isMatrix) ?? 0
            parts.append(
                Part(
                    piece: piece, tensor: tensor, rows: first..<first + rows, width: width,
                    columns: piece.columns ?? 0..<width))
        }
        self.parts = parts
        maxStoredColumns = parts.map(\.width).max() ?? 1
    }

    /// Converts rows of the weight.
    /// - Parameters:
    ///   - output: `rows.count` times ``columns`` elements.
    ///   - scratch: `rows.count` times ``maxStoredColumns`` elements, for rows of which not all columns are wanted.
    /// - Throws: `SafetensorsError` only if a file has changed since it was opened and checked.
    func read(
        rows: Range<Int>, into output: UnsafeMutableBufferPointer<Float>, scratch: UnsafeMutableBufferPointer<Float>
    ) throws {
        if parts.isEmpty {
            for (place, row) in rows.enumerated() { output[place] = computed[row] }
            return
        }
        for part in parts {
            let own = rows.clamped(to: part.rows)
            guard !own.isEmpty else { continue }
            let start = (own.lowerBound - rows.lowerBound) * columns
            let target = UnsafeMutableBufferPointer(rebasing: output[start..<start + own.count * columns])
            try read(
                part, own.lowerBound - part.rows.lowerBound..<own.upperBound - part.rows.lowerBound, target, scratch)
        }
    }

    private func read(
        _ part: Part, _ rows: Range<Int>, _ output: UnsafeMutableBufferPointer<Float>,
        _ scratch: UnsafeMutableBufferPointer<Float>
    ) throws {
        // The tensor may count its rows otherwise: a vector is one row of it, or several that follow each other.
        guard columns > 1 || part.width > 1 || part.tensor.stored.rowLength == 1 else {
            let floats = try part.tensor.floats()
            for (place, row) in rows.enumerated() { output[place] = floats[part.piece.pairing.storedRow(row)] }
            return
        }
        if part.piece.pairing == .interleaved {
            return try read(part, storedRows: rows, output, scratch)
        }
        for (place, row) in rows.enumerated() {
            let stored = part.piece.pairing.storedRow(row)
            let target = UnsafeMutableBufferPointer(rebasing: output[place * columns..<(place + 1) * columns])
            try read(part, storedRows: stored..<stored + 1, target, scratch)
        }
    }

    /// Reads consecutive rows of a tensor and keeps the wanted columns.
    private func read(
        _ part: Part, storedRows rows: Range<Int>, _ output: UnsafeMutableBufferPointer<Float>,
        _ scratch: UnsafeMutableBufferPointer<Float>
    ) throws {
        if part.columns.count == part.width { return try part.tensor.read(rows: rows, into: output) }
        let whole = UnsafeMutableBufferPointer(rebasing: scratch[..<(rows.count * part.width)])
        try part.tensor.read(rows: rows, into: whole)
        for row in 0..<rows.count {
            let start = row * part.width
            let wanted = whole[start + part.columns.lowerBound..<start + part.columns.upperBound]
            _ = UnsafeMutableBufferPointer(rebasing: output[row * columns..<(row + 1) * columns])
                .update(fromContentsOf: wanted)
        }
    }

    /// Releases the pages of rows that have been read, see ``CheckpointTensor/release(rows:)``. Rows in another order
    /// keep their pages until the last of their tensor has been read.
    func release(rows: Range<Int>) {
        for part in parts where part.width > 1 {
            let own = rows.clamped(to: part.rows)
            guard !own.isEmpty else { continue }
            if part.piece.pairing == .interleaved {
                part.tensor.release(
                    rows: own.lowerBound - part.rows.lowerBound..<own.upperBound - part.rows.lowerBound)
            } else if own.upperBound == part.rows.upperBound {
                part.tensor.release(rows: 0..<part.rows.count)
            }
        }
    }
}
