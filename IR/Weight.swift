/// A matrix or vector that functions read: a tensor of the checkpoint, several tensors put together, or numbers that
/// follow from a formula.
///
/// | text form | meaning |
/// |---|---|
/// | `weight @w : f32[288,96]` | the tensor `w` of this shape |
/// | `weight @qkv : f32[216,72] = @q[72,72] halves 3 of 24, @k[72,72] halves 3 of 24, @v[72,72]` | the rows of three tensors |
/// | `weight @left : bf16[288,288] = @w[288,576][:, 0:288]` | some columns of a tensor |
/// | `weight @rotary : f32[48] = frequencies {base = 50000.0}` | the frequencies of a rotary embedding |
public struct Weight: Hashable, Sendable {
    /// The name, without `@`.
    public var name: String
    /// The type, without the extent `rows`. The element type is the one that the executor stores, independent of the
    /// checkpoint's.
    public var type: TensorType
    /// The origin of the numbers; nil for the tensor of the weight's own name and shape.
    public var source: WeightSource?

    public init(_ name: String, _ type: TensorType, source: WeightSource? = nil) {
        self.name = name
        self.type = type
        self.source = source
    }

    /// The parts of tensors that the weight consists of; empty for a formula.
    public var pieces: [WeightPiece] {
        switch source {
        case .pieces(let pieces): pieces
        case .frequencies: []
        case nil: [WeightPiece(name, shape: type.fixedExtents ?? [])]
        }
    }
}

/// The origin of a weight's numbers.
public enum WeightSource: Hashable, Sendable {
    /// Parts of tensors of the checkpoint. The rows of a piece follow those of the piece before.
    case pieces([WeightPiece])
    /// The frequencies of a rotary embedding, in f32, for each pair of columns.
    case frequencies(RotaryFrequencies)
}

/// A part of a weight: the rows of a tensor of the checkpoint, or some columns of them. For a vector, every element of
/// the tensor counts as a row.
public struct WeightPiece: Hashable, Sendable {
    /// The name of the tensor.
    public var tensor: String
    /// The shape in which the checkpoint stores the tensor.
    public var shape: [Int]
    /// The columns that belong to the weight; nil for all.
    public var columns: Range<Int>?
    /// The order of the tensor's rows.
    public var pairing: RotaryPairing

    public init(
        _ tensor: String, shape: [Int], columns: Range<Int>? = nil, pairing: RotaryPairing = .interleaved
    ) {
        self.tensor = tensor
        self.shape = shape
        self.columns = columns
        self.pairing = pairing
    }

    /// The number of columns of the tensor; 1 if it is stored for a vector.
    func storedWidth(inMatrix: Bool) -> Int { inMatrix ? shape.last ?? 1 : 1 }

    /// The number of rows that the piece adds to a weight; nil if it overflows or an extent is below 1.
    public func rows(inMatrix: Bool) -> Int? {
        var rows = 1
        for extent in inMatrix ? shape.dropLast() : shape[...] {
            guard extent > 0, case (let product, false) = rows.multipliedReportingOverflow(by: extent) else {
                return nil
            }
            rows = product
        }
        return rows
    }
}

/// The columns of a head that a rotary embedding turns together.
///
/// `rope` turns the columns 2j and 2j + 1. A checkpoint whose model turns j and j + D/2 instead is assembled with its rows
/// in another order, which gives the same scores: a query and a key are reordered alike, and a score is a sum over
/// columns.
public enum RotaryPairing: Hashable, Sendable {
    /// The columns 2j and 2j + 1, or no pairs at all: rows keep their order.
    case interleaved
    /// The columns j and j + D/2 of each of the first `heads` heads of D = `dimension` rows, as in Llama and its
    /// descendants. Rows after those heads keep their order.
    case halves(heads: Int, dimension: Int)

    /// The row of a tensor that becomes row `row` of the weight.
    public func storedRow(_ row: Int) -> Int {
        switch self {
        case .interleaved: return row
        case .halves(let heads, let dimension):
            let (head, column) = (row / dimension, row % dimension)
            return head < heads ? head * dimension + column / 2 + column % 2 * (dimension / 2) : row
        }
    }
}
