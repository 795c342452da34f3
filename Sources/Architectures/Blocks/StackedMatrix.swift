import IR

/// A matrix that stacks others over each other, so that one product computes them all: queries, keys and values, or gate
/// and up projection. Some checkpoints store it whole, others in parts.
enum StackedMatrix {
    /// One tensor holds all parts.
    case whole(String)
    /// A tensor for each part, and the name of the matrix that they make.
    case parts([String], as: String)

    /// Declares the matrix and returns its name.
    /// - Parameters:
    ///   - extents: the outputs of each part.
    ///   - width: the inputs.
    ///   - pairings: the order of the rows of each part that has a tensor of its own; nil for the stored one.
    ///   - stackedPairing: the order of the rows of a tensor that holds all parts.
    func declare(
        in b: inout FunctionBuilder, _ extents: [Int], width: Int, pairings: [RotaryPairing]? = nil,
        stackedPairing: RotaryPairing = .interleaved
    ) -> String {
        let rows = extents.reduce(0, +)
        switch self {
        case .whole(let name):
            let piece = WeightPiece(name, shape: [rows, width], pairing: stackedPairing)
            return b.weight(name, rows, width, source: stackedPairing == .interleaved ? nil : .pieces([piece]))
        case .parts(let names, let name):
            let pieces = names.enumerated().map { index, part in
                WeightPiece(part, shape: [extents[index], width], pairing: pairings?[index] ?? .interleaved)
            }
            return b.weight(name, rows, width, source: .pieces(pieces))
        }
    }
}
