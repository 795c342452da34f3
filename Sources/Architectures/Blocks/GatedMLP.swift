import IR

/// A gated MLP (arXiv 2002.05202, SwiGLU): down(silu(gate x) · (up x)).
struct GatedMLP {
    /// E, the width of the residual stream.
    var width: Int
    /// I, the width between the matrices.
    var intermediate: Int
    /// The matrix to gate, then up.
    var widening: StackedMatrix
    /// The tensor of the matrix back, `[E, I]`.
    var narrowing: String

    /// Appends the MLP of `x`, before it is added to the residual stream.
    func callAsFunction(_ b: inout FunctionBuilder, _ x: Value) -> Value {
        let matrix = widening.declare(in: &b, [intermediate, intermediate], width: width)
        let widened = b.linear(x, matrix, named: "widened")
        let gate = b.silu(b.slice(widened, 0..<intermediate))
        let gated = b.multiply(gate, b.slice(widened, intermediate..<2 * intermediate), named: "gated")
        return b.linear(gated, b.weight(narrowing, width, intermediate))
    }
}
