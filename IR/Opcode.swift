/// An operation of the IR. No operation belongs to a model: an architecture is a function that is composed of
/// operations.
///
/// A case is only a name. Its operands, its meaning and everything else that other code has to know about it are in one
/// record, ``traits`` (OpcodeTraits.swift).
public enum Opcode: String, Hashable, Sendable, CaseIterable {
    // MARK: Operations that architectures are written in

    case embed
    case linear
    case slice
    case concat
    case bias
    case rope
    case cacheWrite = "cache_write"
    case wavefrontAttention = "wavefront_attention"
    case norm
    case add
    case silu
    case sigmoid
    case multiply
    case mix
    case start
    case argmax
    case relativeDifference = "relative_difference"
    case convert
    case `repeat`

    // MARK: Operations that fusion makes of them

    case projectRopeWrite = "project_rope_write"
    case linearSiluGate = "linear_silu_gate"
    case addNorm = "add_norm"
    case addNormNorm = "add_norm_norm"
    case addKeepNorm = "add_keep_norm"
    case normAdd = "norm_add"
    case normAddKeepNorm = "norm_add_keep_norm"
    case linearArgmax = "linear_argmax"
    case normRopeWrite = "norm_rope_write"
}
